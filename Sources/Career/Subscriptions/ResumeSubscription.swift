import HTTPEndpoint

struct ResumeSubscription: Action {
    let billing: CareerBillingService
    let subscriptions: CareerSubscriptionService

    static let about = About(
        "Take back a cancellation at the period's end",
        details: "Where none is pending, nothing changes.", access: .user,
        refusals: [.subscriptionNotFound, .paymentProviderUnavailable, .paymentProviderError])

    func read(_ input: inout InputReader) {}

    func perform(
        _ input: Void, _ call: Call
    ) async throws -> Reply<CareerSubscriptionResponse> {
        let user = try call.user().userID
        try await billing.resume(user: user, requestID: call.id)
        return try await subscriptions.reply(user)
    }
}
