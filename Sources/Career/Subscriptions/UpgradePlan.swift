import FoundationEssentials
import HTTPEndpoint

struct UpgradePlan: Action {
    let billing: CareerBillingService
    let subscriptions: CareerSubscriptionService

    static let about = About(
        "Upgrade now, prorated and charged now",
        details: "A declined card changes nothing, here or at Stripe.", access: .user,
        refusals: upgradeRefusals + [.cardDeclined])

    func read(_ input: inout InputReader) -> CareerUpgradeRequest {
        input.body(CareerUpgradeRequest.self)
    }

    func perform(
        _ request: CareerUpgradeRequest, _ call: Call
    ) async throws -> Reply<CareerSubscriptionResponse> {
        let user = try call.user().userID
        try await billing.upgrade(request.newPlanID, user: user, requestID: call.id)
        return try await subscriptions.reply(user)
    }
}

struct CareerUpgradeRequest: JSONInput {
    let newPlanID: UUID

    static let about = "The plan to upgrade to."

    init(_ reader: inout ObjectReader) {
        newPlanID = reader.required("new_plan_id", .uuid, "A plan of a higher rank.")
    }
}

extension CareerSubscriptionService {
    /// The subscription as it stands now, as an answer.
    func reply(_ user: UUID) async throws -> Reply<CareerSubscriptionResponse> {
        guard let found = try await subscription(of: user) else {
            throw Problem.subscriptionNotFound
        }
        return Reply(CareerSubscriptionResponse(account: found.account, plan: found.plan))
    }
}
