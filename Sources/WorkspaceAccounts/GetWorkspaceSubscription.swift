import API
import Database
import FoundationEssentials
import HTTPEndpoint
import Ledger
import LedgerStore
import Subscriptions
import UsageReports
import Workspaces

/// `GET /api/subscriptions/workspaces/{workspace_id}`
package struct GetWorkspaceSubscription: Action {
    let parts: WorkspaceAccountParts

    package static let about = About(
        "A workspace's subscription",
        details: "For its members, whatever its status; `null` where there is none.",
        access: .workspaceMember)

    package func read(_ input: inout InputReader) -> UUID { input.workspace() }

    package func perform(
        _ id: UUID, _ call: Call
    ) async throws -> Reply<APISubscriptionResponse?> {
        Reply(try await parts.subscription(of: id, by: call))
    }
}

extension WorkspaceAccountParts {
    /// - Returns: `nil` for a workspace that has never had a subscription.
    package func subscription(
        of id: UUID, by call: Call
    ) async throws -> APISubscriptionResponse? {
        let workspace = try await workspaces.look(at: id, by: call) { membership, _ in
            membership.workspace
        }
        guard let account = try await standing(of: id)?.account else { return nil }
        let plan = try await catalog.current(in: workspaces.database)
            .plan(account.subscription.planID)
        guard let plan else {
            throw DatabaseError.decoding("a subscription's plan is not in the catalog")
        }
        return APISubscriptionResponse(
            told: CareerSubscriptionResponse(account: account, plan: plan), plan: plan,
            seats: workspace.subscription)
    }
}

package struct APISubscriptionResponse: JSONObjectOutput {
    /// What it has as a user's subscription has it.
    let told: CareerSubscriptionResponse
    package let plan: Plan
    package let seats: WorkspaceSubscription

    package static let about = "A workspace's one subscription."
    package static let fields: [OutputField<APISubscriptionResponse>] =
        [
            OutputField("workspace_id", .uuid, "Whose it is.") {
                (answer: APISubscriptionResponse) in answer.told.accountID
            },
            OutputField("seat_count", .integer, "What is paid for; 0 without a live one.") {
                $0.seats.seatCount
            },
            OutputField(
                "pending_seat_count", .nullable(.integer), "Fewer seats from the next period on."
            ) { $0.seats.pendingSeatCount },
        ]
        + CareerSubscriptionResponse.fields
        .filter { !["user_id", "plan"].contains($0.name) }
        .map { $0.of { (answer: APISubscriptionResponse) in answer.told } }
        + [
            OutputField("plan", .object, "The plan.") {
                (answer: APISubscriptionResponse) in APIPlanResponse(plan: answer.plan)
            }
        ]
}
