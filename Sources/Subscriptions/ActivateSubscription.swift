import Billing
import HTTPEndpoint

package struct ActivateSubscription: Action {
    let subscriptions: CareerSubscriptionService

    package init(subscriptions: CareerSubscriptionService) {
        self.subscriptions = subscriptions
    }

    package static let about = About(
        "Activate the Free plan",
        details: "Idempotent: returns the existing subscription whatever its plan.",
        access: .user)

    package func read(_ input: inout InputReader) {}

    package func perform(
        _ input: Void, _ call: Call
    ) async throws -> Reply<CareerSubscriptionResponse> {
        let user = try call.user().userID
        _ = try await subscriptions.createFreeSubscription(for: user, former: nil)
        guard let found = try await subscriptions.subscription(of: user) else {
            throw Problem.unauthorized
        }
        return Reply(CareerSubscriptionResponse(account: found.account, plan: found.plan))
    }
}
