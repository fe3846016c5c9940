import Billing
import FoundationEssentials
import HTTPEndpoint
import JSON
import Ledger
import UsageReports
import Values
import Workspaces

/// `GET /api/workspaces/{workspace_id}/usage/limits`: its own brakes, and what counts against them.
package struct GetWorkspaceLimits: Action {
    let parts: WorkspaceAccountParts

    package static let about = About(
        "A workspace's own limits of what it spends",
        details: """
            For its members. In a UTC day and in a UTC calendar month; null is no limit. `used` is \
            what was charged in the running day and month, limited or not.
            """,
        access: .workspaceMember, refusals: [.subscriptionNotFound])

    package func read(_ input: inout InputReader) -> UUID { input.workspace() }

    package func perform(_ id: UUID, _ call: Call) async throws -> Reply<SpendingStandingResponse> {
        try await parts.workspaces.look(at: id, by: call) { _, _ in }
        return Reply(try await parts.limits(of: id))
    }
}

/// `PUT /api/workspaces/{workspace_id}/usage/limits`: puts brakes on, or takes them off.
package struct PutWorkspaceLimits: Action {
    let parts: WorkspaceAccountParts

    package static let about = About(
        "Limit what a workspace spends",
        details: """
            For its owner. Replaces all limits. A call is refused (429 `spending_limit_reached`) \
            if what was charged in the window, all that is held now and the call's price are more \
            than the limit; 0 stops all. What is running goes on, and calls with test keys cost \
            nothing. Each percentage of `alert_at` is mailed once a limit and window, to the owner \
            and to where bills go.
            """,
        access: .workspaceOwner, refusals: [.subscriptionNotFound])

    package func read(_ input: inout InputReader) -> (UUID, SpendingLimitsRequest) {
        (input.workspace(), input.body(SpendingLimitsRequest.self))
    }

    package func perform(
        _ input: (UUID, SpendingLimitsRequest), _ call: Call
    ) async throws -> Reply<SpendingStandingResponse> {
        let (id, limits) = (input.0, input.1.limits)
        _ = try await parts.limits(of: id)
        let standing = try await parts.ledger.limit(id, to: limits) { command in
            try await parts.perform(command, for: Self.self, by: call) { decision, standing in
                guard case .stands = standing else { return }
                try decision.note(.limitsChanged, id, after: limits.told)
            }
        }
        guard let answer = SpendingStandingResponse(standing) else {
            throw Problem.workspaceHasNoSubscription
        }
        return Reply(answer)
    }
}

extension WorkspaceAccountParts {
    fileprivate func limits(of id: UUID) async throws -> SpendingStandingResponse {
        guard try await catalog.ifOffered(in: workspaces.database) != nil,
            let standing = SpendingStandingResponse(
                try await ledger.look(at: ReadSpendingLimits(userID: id)))
        else { throw Problem.workspaceHasNoSubscription }
        return standing
    }
}

extension SpendingLimits {
    /// As the audit log tells them.
    fileprivate var told: JSONObject {
        [
            "daily_credits": daily.map { .string($0.decimal) } ?? .null,
            "monthly_credits": monthly.map { .string($0.decimal) } ?? .null,
            "alert_at": .array(alertAt.map { .int($0) }),
        ]
    }
}
