import FoundationEssentials
import HTTPEndpoint
import LedgerStore
import Promotions
import UsageReports
import Workspaces

/// What the answers on a workspace's account are made of.
package struct WorkspaceAccountParts: Sendable {
    package let workspaces: WorkspaceParts
    let ledger: CareerLedger
    let catalog: CatalogStore
    let redemption: CodeRedemption

    /// - Parameters:
    ///   - ledger: that of workspaces.
    ///   - catalog: the API product's.
    ///   - redemption: grants in the same ledger.
    package init(
        workspaces: WorkspaceParts, ledger: CareerLedger, catalog: CatalogStore,
        redemption: CodeRedemption
    ) {
        self.workspaces = workspaces
        self.ledger = ledger
        self.catalog = catalog
        self.redemption = redemption
    }
}

/// The addresses of what a workspace has: its subscription, and what it has spent.
package func workspaceAccountRoutes(_ parts: WorkspaceAccountParts) -> [Endpoint] {
    let (tag, at) = ("Workspaces", "/api/workspaces/{workspace_id}")
    let usage = at + "/usage"
    return [
        Endpoint(
            .get, "/api/subscriptions/workspaces/{workspace_id}", tag: "API subscriptions",
            GetWorkspaceSubscription(parts: parts)),
        Endpoint(.get, usage, tag: tag, GetWorkspaceUsage(parts: parts)),
        Endpoint(.get, usage + "/logs", tag: tag, ListWorkspaceUsageLogs(parts: parts)),
        Endpoint(.get, usage + "/logs/{usage_id}", tag: tag, ExplainWorkspaceUsage(parts: parts)),
        Endpoint(.get, usage + "/summary", tag: tag, SummarizeWorkspaceUsage(parts: parts)),
        Endpoint(.get, usage + "/limits", tag: tag, GetWorkspaceLimits(parts: parts)),
        Endpoint(.put, usage + "/limits", tag: tag, PutWorkspaceLimits(parts: parts)),
        Endpoint(.get, at + "/credits", tag: tag, ListWorkspaceCredits(parts: parts)),
        Endpoint(.post, at + "/credits/redeem", tag: tag, RedeemWorkspaceCode(parts: parts)),
    ]
}

extension WorkspaceAccountParts {
    /// The account that a workspace holds, as a decision now would find it; `nil` without a
    /// subscription that was paid for, and where the API product is not offered.
    package func standing(of workspace: UUID) async throws -> AccountStanding? {
        guard try await catalog.ifOffered(in: workspaces.database) != nil else { return nil }
        let standing = try await ledger.standing(of: workspace, by: workspaces.clock)
        return standing?.account.subscription.awaitsFirstPayment == true ? nil : standing
    }
}
