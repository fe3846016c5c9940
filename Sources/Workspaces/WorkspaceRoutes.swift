import HTTPEndpoint

/// The addresses of workspaces.
package func workspaceRoutes(_ parts: WorkspaceParts) -> [Endpoint] {
    let (tag, root) = ("Workspaces", "/api/workspaces")
    let own = root + "/{workspace_id}"
    return [
        Endpoint(.get, root, tag: tag, ListWorkspaces(parts: parts)),
        Endpoint(.post, root, tag: tag, CreateWorkspace(parts: parts)),
        Endpoint(.post, root + "/activate", tag: tag, ActivateWorkspace(parts: parts)),
        Endpoint(.get, own, tag: tag, GetWorkspace(parts: parts)),
        Endpoint(.patch, own, tag: tag, UpdateWorkspace(parts: parts)),
        Endpoint(
            .post, own + "/billing-email/verify", tag: tag, VerifyBillingEmail(parts: parts)),
        Endpoint(.get, own + "/audit-log", tag: tag, ListWorkspaceAudit(parts: parts)),
    ]
}
