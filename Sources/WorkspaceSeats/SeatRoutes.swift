import HTTPEndpoint
import WorkspaceBilling

/// The addresses by which a workspace's seats and plan change.
package func workspaceSeatRoutes(_ parts: WorkspaceBillingParts) -> [Endpoint] {
    let (tag, at) = ("API subscriptions", "/api/subscriptions/workspaces/{workspace_id}")
    return [
        Endpoint(.post, at + "/preview-seats", tag: tag, PreviewWorkspaceSeats(parts: parts)),
        Endpoint(.patch, at + "/seats", tag: tag, ChangeWorkspaceSeats(parts: parts)),
        Endpoint(.post, at + "/preview-upgrade", tag: tag, PreviewWorkspaceUpgrade(parts: parts)),
        Endpoint(.post, at + "/upgrade", tag: tag, UpgradeWorkspacePlan(parts: parts)),
    ]
}
