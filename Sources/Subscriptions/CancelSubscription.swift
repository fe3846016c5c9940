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
        let message = try await billing.cancel(
            of: call.user().userID, atPeriodEnd: request.cancelAtPeriodEnd, requestID: call.id,
            ended: "The subscription has ended; you are on the Free plan.")
        return Reply(MessageResponse(message))
    }
}

extension CareerBillingService {
    /// Cancels what a holder subscribes to, whatever its status.
    ///
    /// - Parameter ended: what is said where it has ended at once.
    /// - Returns: what has been done, in words.
    /// - Throws: ``Problem/nothingToCancel`` where it is over at Stripe; then it is here too.
    package func cancel(
        of holder: UUID, atPeriodEnd: Bool, requestID: String, ended: String
    ) async throws -> String {
        try await moveTurns.inTurn(holder) {
            guard let theirs = try await liveSubscription(of: holder, requestID: requestID) else {
                throw Problem.nothingToCancel
            }
            var message = ended
            if atPeriodEnd {
                message = try await endWithPeriod(theirs, holder, requestID)
            } else {
                try await end(theirs)
            }
            try await mirror.refresh(theirs.id, userID: holder, requestID: requestID)
            return message
        }
    }

    private func endWithPeriod(
        _ theirs: StripeSubscription, _ holder: UUID, _ requestID: String
    ) async throws -> String {
        let answer = try await endWithPeriod(theirs, user: holder, requestID: requestID)
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
