import Foundation
import HTTPEndpoint

struct UpgradePlan: Action {
    let billing: CareerBillingService

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
        let upgrade = try await billing.planUpgrade(
            to: request.newPlanID, user: user, requestID: call.id)
        let now = billing.clock.now().seconds
        let shown = try await UpgradePreviews(database: billing.database)
            .date(upgrade, user: user, now: now)
        let change = upgrade.change(shown ?? max(now, upgrade.item.currentPeriodStart))
        // A schedule would overwrite the plan with its own at its next phase.
        try await billing.releaseSchedule(of: upgrade.subscription)
        _ = try await billing.stripe.updateSubscriptionPrice(
            change, "upgrade-\(change.subscriptionID)-\(UUID().text)")
        try await billing.mirror.refresh(
            change.subscriptionID, userID: user, requestID: call.id)
        return try await billing.subscriptions.reply(user)
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
