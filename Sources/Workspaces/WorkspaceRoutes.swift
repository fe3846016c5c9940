import HTTPEndpoint

/// The addresses of workspaces and their members.
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
        Endpoint(.post, own + "/leave", tag: tag, LeaveWorkspace(parts: parts)),
        Endpoint(
            .post, own + "/transfer-ownership", tag: tag, TransferWorkspace(parts: parts)),
        Endpoint(
            .post, "/api/subscriptions/workspaces/{workspace_id}/reactivate", tag: tag,
            ReactivateMembers(parts: parts)),
        Endpoint(.get, own + "/audit-log", tag: tag, ListWorkspaceAudit(parts: parts)),
    ] + memberRoutes(parts, own)
}

private func memberRoutes(_ parts: WorkspaceParts, _ own: String) -> [Endpoint] {
    let (tag, members) = ("Workspaces", own + "/members")
    return [
        Endpoint(.get, members, tag: tag, ListWorkspaceMembers(parts: parts)),
        Endpoint(
            .patch, members + "/{user_id}", tag: tag, UpdateWorkspaceMember(parts: parts)),
        Endpoint(
            .delete, members + "/{user_id}", tag: tag, RemoveWorkspaceMember(parts: parts)),
    ]
}
