import HTTPEndpoint
import WorkspaceBilling

/// The addresses by which a workspace's seats and plan change.
package func workspaceSeatRoutes(_ parts: WorkspaceBillingParts) -> [Endpoint] {
    let (tag, at) = ("API subscriptions", "/api/subscriptions/workspaces/{workspace_id}")
    return [
        Endpoint(.post, at + "/preview-seats", tag: tag, parts.previewSeats),
        Endpoint(.patch, at + "/seats", tag: tag, parts.changeSeats),
        Endpoint(.post, at + "/preview-upgrade", tag: tag, parts.previewPlan),
        Endpoint(.post, at + "/upgrade", tag: tag, parts.upgradePlan),
        Endpoint(.post, at + "/downgrade", tag: tag, parts.downgradePlan),
    ]
}
