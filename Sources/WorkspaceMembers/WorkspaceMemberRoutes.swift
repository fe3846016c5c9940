import HTTPEndpoint
import Workspaces

/// The addresses of a workspace's members.
package func workspaceMemberRoutes(_ parts: WorkspaceParts) -> [Endpoint] {
    let (tag, own) = ("Workspaces", "/api/workspaces/{workspace_id}")
    let members = own + "/members"
    return [
        Endpoint(.get, members, tag: tag, ListWorkspaceMembers(parts: parts)),
        Endpoint(
            .patch, members + "/{user_id}", tag: tag, UpdateWorkspaceMember(parts: parts)),
        Endpoint(
            .delete, members + "/{user_id}", tag: tag, RemoveWorkspaceMember(parts: parts)),
        Endpoint(.post, own + "/leave", tag: tag, LeaveWorkspace(parts: parts)),
        Endpoint(
            .post, own + "/transfer-ownership", tag: tag, TransferWorkspace(parts: parts)),
        Endpoint(
            .post, "/api/subscriptions/workspaces/{workspace_id}/reactivate", tag: tag,
            ReactivateMembers(parts: parts)),
    ]
}

/// The actions, for pages that do the same.
extension WorkspaceParts {
    package var leave: LeaveWorkspace { LeaveWorkspace(parts: self) }
    package var transfer: TransferWorkspace { TransferWorkspace(parts: self) }
    package var listMembers: ListWorkspaceMembers { ListWorkspaceMembers(parts: self) }
    package var updateMember: UpdateWorkspaceMember { UpdateWorkspaceMember(parts: self) }
    package var removeMember: RemoveWorkspaceMember { RemoveWorkspaceMember(parts: self) }
    package var reactivate: ReactivateMembers { ReactivateMembers(parts: self) }
}
