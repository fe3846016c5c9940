import Billing
import Foundation
import HTTPEndpoint
import Stripe
import Values

package struct CancelSubscription: Action {
    let billing: CareerBillingService

    package init(billing: CareerBillingService) {
        self.billing = billing
    }

    package static let about = About(
        "Cancel at the period's end, or at once", access: .user,
        refusals: [
            .subscriptionNotFound, .nothingToCancel, .paymentProviderUnavailable,
            .paymentProviderError,
        ])

    package func read(_ input: inout InputReader) -> CareerCancelRequest {
        input.optionalBody(CareerCancelRequest.self)
    }

    package func perform(
        _ request: CareerCancelRequest, _ call: Call
    ) async throws -> Reply<MessageResponse> {
        let user = try call.user().userID
        return try await billing.moveTurns.inTurn(user) {
            try await cancel(request, user, call)
        }
    }

    private func cancel(
        _ request: CareerCancelRequest, _ user: UUID, _ call: Call
    ) async throws -> Reply<MessageResponse> {
        guard let theirs = try await billing.liveSubscription(of: user, requestID: call.id) else {
            throw Problem.nothingToCancel
        }
        let message =
            request.cancelAtPeriodEnd
            ? try await endWithPeriod(theirs, user, call) : try await endNow(theirs)
        try await billing.mirror.refresh(theirs.id, userID: user, requestID: call.id)
        return Reply(MessageResponse(message))
    }

    private func endNow(_ theirs: StripeSubscription) async throws -> String {
        try await billing.end(theirs)
        return "The subscription has ended; you are on the Free plan."
    }

    /// - Throws: ``Problem/nothingToCancel`` where it is over at Stripe; then it is here too.
    private func endWithPeriod(
        _ theirs: StripeSubscription, _ user: UUID, _ call: Call
    ) async throws -> String {
        let answer = try await billing.endWithPeriod(theirs, user: user, requestID: call.id)
        guard let answer else { throw Problem.nothingToCancel }
        guard let end = answer.endsAt else { throw Problem.paymentProviderError }
        let day = Timestamp(ofStripe: end).rfc3339.prefix(10)
        return answer.items.contains { $0.currentPeriodEnd == end }
            ? "The subscription ends with its period, on \(day); until then nothing changes."
            : "The subscription ends on \(day); until then nothing changes."
    }
}

package struct CareerCancelRequest: JSONInput {
    let cancelAtPeriodEnd: Bool

    package init(cancelAtPeriodEnd: Bool) {
        self.cancelAtPeriodEnd = cancelAtPeriodEnd
    }

    package static let about = "When to end."

    package init(_ reader: inout ObjectReader) {
        cancelAtPeriodEnd = reader.optional(
            "cancel_at_period_end", .bool, default: true, "true if not given.")
    }
}
