import Billing
import Foundation
import HTTPEndpoint

package struct UpgradePlan: Action {
    let billing: CareerBillingService

    package init(billing: CareerBillingService) {
        self.billing = billing
    }

    package static let about = About(
        "Upgrade now, prorated and charged now",
        details: """
            A declined card changes nothing, here or at Stripe. Where the bank asks for the \
            owner's confirmation, 402 `payment_needs_action` has the page's `url`; the upgrade \
            happens once it is paid there, within a day, and not at all if it is not.
            """,
        access: .user,
        refusals: upgradeRefusals + [
            .cardDeclined, .paymentNeedsAction, .paymentProcessing, .addressRequired,
        ])

    package func read(_ input: inout InputReader) -> CareerUpgradeRequest {
        input.body(CareerUpgradeRequest.self)
    }

    package func perform(
        _ request: CareerUpgradeRequest, _ call: Call
    ) async throws -> Reply<CareerSubscriptionResponse> {
        try await perform(request, call, agreedAt: nil)
    }

    /// - Parameter agreed: the instant of the price that the user has agreed to, in seconds since
    ///   1970; `nil` where none was asked about.
    /// - Throws: ``Problem/previewExpired`` where that price holds no longer; else as the other.
    package func perform(
        _ request: CareerUpgradeRequest, _ call: Call, agreedAt agreed: Int64?
    ) async throws -> Reply<CareerSubscriptionResponse> {
        let user = try call.user().userID
        return try await billing.moveTurns.inTurn(user) {
            try await upgrade(to: request.newPlanID, user, agreed, call)
        }
    }

    private func upgrade(
        to newPlanID: UUID, _ user: UUID, _ agreed: Int64?, _ call: Call
    ) async throws -> Reply<CareerSubscriptionResponse> {
        let upgrade = try await billing.planUpgrade(
            to: newPlanID, user: user, requestID: call.id)
        let now = billing.clock.now().seconds
        let shown = try await UpgradePreviews(database: billing.database)
            .date(upgrade, user: user, now: now)
        if let agreed, agreed != shown { throw Problem.previewExpired }
        let change = upgrade.change(shown ?? max(now, upgrade.item.currentPeriodStart))
        try await settleEarlier(upgrade)
        // A schedule would overwrite the plan with its own at its next phase.
        try await billing.withAddress(of: change.customerID) {
            try await billing.withoutSchedule(upgrade.subscription) {
                let updated = try await billing.stripe.updateSubscriptionPrice(
                    change, "upgrade-\(change.subscriptionID)-\(UUID().text)")
                let pending = try await billing.pendingUpgrade(of: updated)
                if let pending { throw try await refusal(of: pending) }
            }
        }
        try await billing.mirror.refresh(
            change.subscriptionID, userID: user, requestID: call.id)
        let upgraded = try await billing.subscription(of: user)
        // Somebody gave the upgrade up while it was charged: nothing may be claimed.
        guard upgraded.plan.id == upgrade.new.id else { throw Problem.paymentProviderUnavailable }
        return try await billing.subscriptions.reply(user)
    }
}

extension UpgradePlan {
    /// An earlier attempt may wait for its payment. The same upgrade is not charged twice; another
    /// takes its place, unless the bank is at work on it.
    private func settleEarlier(_ upgrade: PlannedUpgrade) async throws {
        guard let earlier = try await billing.pendingUpgrade(of: upgrade.subscription) else {
            return
        }
        if earlier.awaits(upgrade) { throw earlier.problem }
        guard try await billing.giveUp(earlier) else { throw Problem.paymentProcessing }
    }

    /// After a plain decline nothing stays, here or at Stripe.
    private func refusal(of pending: PendingUpgrade) async throws -> Problem {
        if case .declined = pending.charge { try await billing.giveUp(pending) }
        return pending.problem
    }
}

package struct CareerUpgradeRequest: JSONInput {
    let newPlanID: UUID

    package static let about = "The plan to upgrade to."

    package init(_ reader: inout ObjectReader) {
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
