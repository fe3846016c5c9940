import Billing
import FoundationEssentials
import HTTPEndpoint
import LedgerStore
import UsageReports
import Workspaces

/// `GET /api/workspaces/{workspace_id}/usage`
package struct GetWorkspaceUsage: Action {
    let parts: WorkspaceAccountParts

    package static let about = About(
        "A workspace's credits and rate limits",
        details: "For its members. Calls with test keys count in neither.",
        access: .workspaceMember, refusals: [.subscriptionNotFound])

    package func read(_ input: inout InputReader) -> UUID { input.workspace() }

    package func perform(_ id: UUID, _ call: Call) async throws -> Reply<BalanceResponse> {
        let database = parts.workspaces.database
        try await parts.workspaces.look(at: id, by: call) { _, _ in }
        guard let standing = try await parts.standing(of: id) else {
            throw Problem.workspaceHasNoSubscription
        }
        let rule = try await parts.catalog.pricing(of: standing.account, in: database)
        return Reply(
            BalanceResponse(standing, pricing: rule, clock: parts.workspaces.clock.now()))
    }
}
