/// The actions, for pages that do the same.
extension WorkspaceParts {
    package var list: ListWorkspaces { ListWorkspaces(parts: self) }
    package var create: CreateWorkspace { CreateWorkspace(parts: self) }
    package var activate: ActivateWorkspace { ActivateWorkspace(parts: self) }
    package var update: UpdateWorkspace { UpdateWorkspace(parts: self) }
    package var listAudit: ListWorkspaceAudit { ListWorkspaceAudit(parts: self) }
}
