import Workspaces

/// The actions, for pages that do the same.
extension WorkspaceParts {
    package var listInvitations: ListWorkspaceInvitations {
        ListWorkspaceInvitations(parts: self)
    }
    package var invite: CreateWorkspaceInvitation { CreateWorkspaceInvitation(parts: self) }
    package var resendInvitation: ResendWorkspaceInvitation {
        ResendWorkspaceInvitation(parts: self)
    }
    package var revokeInvitation: RevokeWorkspaceInvitation {
        RevokeWorkspaceInvitation(parts: self)
    }
    package var showInvitation: ShowInvitation { ShowInvitation(parts: self) }
    package var acceptInvitation: AcceptInvitation { AcceptInvitation(parts: self) }
}
