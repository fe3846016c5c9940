import Foundation
import HTTPEndpoint

struct ResumeSubscription: Action {
    let billing: CareerBillingService

    static let about = About(
        "Take back a cancellation at the period's end",
        details: "Where none is pending, nothing changes.", access: .user,
        refusals: [.subscriptionNotFound, .paymentProviderUnavailable, .paymentProviderError])

    func read(_ input: inout InputReader) {}

    func perform(
        _ input: Void, _ call: Call
    ) async throws -> Reply<CareerSubscriptionResponse> {
        let user = try call.user().userID
        let (account, _) = try await billing.subscription(of: user)
        if let subscriptionID = account.subscription.stripeSubscriptionID {
            try await resume(subscriptionID)
            try await billing.mirror.refresh(
                subscriptionID, userID: user, requestID: call.id)
        }
        return try await billing.subscriptions.reply(user)
    }

    /// Stripe tells whether a cancellation is pending: it may have been asked for there a moment
    /// ago.
    private func resume(_ subscriptionID: String) async throws {
        let theirs = try await billing.stripe.retrieveSubscription(subscriptionID)
        guard theirs.isEnding && !theirs.isOver else { return }
        _ = try await billing.stripe.setCancelAtPeriodEnd(
            subscriptionID, false, "resume-\(subscriptionID)-\(UUID().text)")
    }
}
