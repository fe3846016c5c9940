import Foundation
import HTTPEndpoint

struct CancelSubscription: Action {
    let billing: CareerBillingService

    static let about = About(
        "Cancel at the period's end, or at once", access: .user,
        refusals: [
            .subscriptionNotFound, .nothingToCancel, .paymentProviderUnavailable,
            .paymentProviderError,
        ])

    func read(_ input: inout InputReader) -> CareerCancelRequest {
        input.optionalBody(CareerCancelRequest.self)
    }

    func perform(
        _ request: CareerCancelRequest, _ call: Call
    ) async throws -> Reply<MessageResponse> {
        let user = try call.user().userID
        let (account, _) = try await billing.subscription(of: user)
        guard let subscriptionID = account.subscription.stripeSubscriptionID else {
            throw Problem.nothingToCancel
        }
        if request.cancelAtPeriodEnd {
            try await endWithPeriod(subscriptionID, user: user, requestID: call.id)
        } else {
            try await billing.end(subscriptionID)
        }
        try await billing.mirror.refresh(subscriptionID, userID: user, requestID: call.id)
        return Reply(
            MessageResponse(
                request.cancelAtPeriodEnd
                    ? "The subscription ends with its period; until then nothing changes."
                    : "The subscription has ended; you are on the Free plan."))
    }

    /// Stripe is asked whatever we know: it may have been resumed there a moment ago.
    ///
    /// - Throws: ``Problem/nothingToCancel`` where it is over at Stripe; then it is here too.
    private func endWithPeriod(
        _ subscriptionID: String, user: UUID, requestID: String
    ) async throws {
        do {
            _ = try await billing.stripe.setCancelAtPeriodEnd(
                subscriptionID, true, "cancel-\(subscriptionID)-\(UUID().text)")
        } catch {
            guard error.isRefusal else { throw error }
            try await billing.mirror.refresh(
                subscriptionID, userID: user, requestID: requestID)
            let (account, _) = try await billing.subscription(of: user)
            guard account.subscription.stripeSubscriptionID == nil else { throw error }
            throw Problem.nothingToCancel
        }
    }
}

struct CareerCancelRequest: JSONInput {
    let cancelAtPeriodEnd: Bool

    static let about = "When to end."

    init(_ reader: inout ObjectReader) {
        cancelAtPeriodEnd = reader.optional(
            "cancel_at_period_end", .bool, default: true, "true if not given.")
    }
}
