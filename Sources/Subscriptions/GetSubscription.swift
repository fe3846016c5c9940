import Billing
import HTTPEndpoint

struct GetSubscription: Action {
    let subscriptions: CareerSubscriptionService

    static let about = About(
        "My Career subscription", details: "`null` where there is none.", access: .user)

    func read(_ input: inout InputReader) {}

    func perform(
        _ input: Void, _ call: Call
    ) async throws -> Reply<CareerSubscriptionResponse?> {
        let user = try call.user().userID
        let found = try await subscriptions.subscription(of: user)
        return Reply(found.map { CareerSubscriptionResponse(account: $0.account, plan: $0.plan) })
    }
}
