import Billing
import FoundationEssentials
import HTTPEndpoint
import Subscriptions
import WorkspaceAccounts
import WorkspaceAuditLog
import Workspaces

/// `POST /api/subscriptions/workspaces/{workspace_id}/cancel`
package struct CancelWorkspaceSubscription: Action {
    let parts: WorkspaceBillingParts

    package static let about = About(
        "Cancel a workspace's subscription at the period's end, or at once",
        details: """
            For the owner, whatever the subscription's status. A team whose subscription has ended \
            is frozen; a personal workspace is on the Free plan.
            """,
        access: .workspaceOwner,
        refusals: [
            .subscriptionNotFound, .nothingToCancel, .paymentProviderUnavailable,
            .paymentProviderError,
        ])

    package func read(_ input: inout InputReader) -> (UUID, APICancelRequest) {
        (input.workspace(), input.optionalBody(APICancelRequest.self))
    }

    package func perform(
        _ input: (UUID, APICancelRequest), _ call: Call
    ) async throws -> Reply<MessageResponse> {
        let (id, request) = input
        try await parts.requireAccount(id)
        let workspace = try await parts.begin(Self.self, .cancellationAsked, on: id, by: call)
        let message = try await parts.billing.cancel(
            of: id, atPeriodEnd: request.cancelAtPeriodEnd, requestID: call.id,
            ended: workspace.isPersonal
                ? "The subscription has ended; the workspace is on the Free plan."
                : "The subscription has ended; the workspace is frozen.")
        return Reply(MessageResponse(message))
    }
}

package struct APICancelRequest: JSONInput {
    let cancelAtPeriodEnd: Bool

    package static let about = "When to end."

    package init(cancelAtPeriodEnd: Bool) {
        self.cancelAtPeriodEnd = cancelAtPeriodEnd
    }

    package init(_ reader: inout ObjectReader) {
        cancelAtPeriodEnd = reader.optional(
            "cancel_at_period_end", .bool, default: true, "true if not given.")
    }
}

/// `POST /api/subscriptions/workspaces/{workspace_id}/resume`
package struct ResumeWorkspaceSubscription: Action {
    let parts: WorkspaceBillingParts

    package static let about = About(
        "Take back a cancellation, or a lower plan, at the period's end",
        details: "For the owner. Where none is pending, nothing changes.",
        access: .unsuspendedWorkspaceOwner,
        refusals: [.subscriptionNotFound, .paymentProviderUnavailable, .paymentProviderError])

    package func read(_ input: inout InputReader) -> UUID { input.workspace() }

    package func perform(_ id: UUID, _ call: Call) async throws -> Reply<APISubscriptionResponse> {
        try await parts.requireAccount(id)
        _ = try await parts.begin(Self.self, .resumptionAsked, on: id, by: call)
        try await parts.billing.resume(of: id, requestID: call.id)
        guard let answer = try await parts.accounts.subscription(of: id, by: call) else {
            throw Problem.subscriptionNotFound
        }
        return Reply(answer)
    }
}
