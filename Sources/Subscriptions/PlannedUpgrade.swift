import Billing
import Database
import Foundation
import HTTPEndpoint
import Ledger
import Stripe
import Values

/// An upgrade that may go ahead, as the preview shows it and the upgrade carries it out.
package struct PlannedUpgrade: Sendable {
    let current: Plan
    let new: Plan
    let subscription: StripeSubscription
    let item: StripeSubscription.Item
    let price: StripePrice

    func change(_ prorationDate: Int64) -> StripePriceChange {
        StripePriceChange(
            customerID: subscription.customerID, subscriptionID: subscription.id,
            itemID: item.id, priceID: price.id, prorationDate: prorationDate)
    }
}

extension PendingUpgrade {
    /// Whether the same upgrade would only charge what is asked for already.
    func awaits(_ upgrade: PlannedUpgrade) -> Bool {
        if case .declined = charge { return false }
        return prices.contains { $0.id == upgrade.price.id }
    }
}

extension CareerBillingService {
    /// Judges an upgrade by the subscription as Stripe has it now.
    package func planUpgrade(
        to newPlanID: UUID, user: UUID, requestID: String
    ) async throws -> PlannedUpgrade {
        let (_, current) = try await subscription(of: user)
        guard let new = try await catalog.current(in: database).plan(newPlanID), new.isActive else {
            throw Problem.planNotFound
        }
        guard
            let theirs = try await liveSubscription(of: user, requestID: requestID)
        else {
            let free = try await subscription(of: user).plan
            let standing = UpgradeStanding(
                plan: free, isBilled: false, status: .active, cancelAtPeriodEnd: false)
            throw standing.refusal(of: new).map { Problem($0) } ?? Problem.checkoutRequired
        }
        guard let item = theirs.items.first else { throw Problem.paymentProviderUnavailable }
        try await judge(theirs, item, current, upgradeTo: new, user: user, requestID: requestID)
        return PlannedUpgrade(
            current: current, new: new, subscription: theirs, item: item,
            price: try await prices.price(of: new))
    }

    /// Stripe may know what we have not heard yet: a payment that failed a moment ago, an upgrade
    /// whose answer was lost. Before a refusal the mirror catches up.
    private func judge(
        _ subscription: StripeSubscription, _ item: StripeSubscription.Item, _ current: Plan,
        upgradeTo new: Plan, user: UUID, requestID: String
    ) async throws {
        let planID = try await prices.plan(of: item.price)
        let plan = try await catalog.current(in: database).plan(planID ?? current.id) ?? current
        let standing = UpgradeStanding(
            plan: plan, isBilled: true, status: Subscription.Status(subscription.status),
            cancelAtPeriodEnd: subscription.isEnding)
        guard let refusal = standing.refusal(of: new) else { return }
        try await mirror.refresh(subscription.id, userID: user, requestID: requestID)
        throw Problem(refusal)
    }
}

/// The instant that a user was shown a price for.
package struct UpgradePreviews: Sendable {
    /// How long a shown price holds, in seconds: an upgrade within it is charged as previewed.
    package static let lifetime: Int64 = 600

    let database: any Database

    func keep(_ upgrade: PlannedUpgrade, at prorationDate: Int64, user: UUID) async throws {
        let (planID, subscriptionID) = (upgrade.new.id, upgrade.subscription.id)
        _ = try await database.write { connection in
            try connection.execute(
                """
                INSERT INTO upgrade_previews
                    (user_id, stripe_subscription_id, plan_id, proration_date)
                VALUES (?, ?, ?, ?)
                ON CONFLICT (user_id) DO UPDATE SET
                    stripe_subscription_id = excluded.stripe_subscription_id,
                    plan_id = excluded.plan_id, proration_date = excluded.proration_date
                """,
                [
                    .uuid(user), .text(subscriptionID), .uuid(planID), .integer(prorationDate),
                ])
        }
    }

    /// `nil` where no price was shown for this upgrade, or a while ago.
    func date(_ upgrade: PlannedUpgrade, user: UUID, now: Int64) async throws -> Int64? {
        let item = upgrade.item
        let (planID, subscriptionID) = (upgrade.new.id, upgrade.subscription.id)
        return try await database.read { connection in
            let row = try connection.queryOne(
                """
                SELECT proration_date FROM upgrade_previews
                WHERE user_id = ? AND plan_id = ? AND stripe_subscription_id = ?
                """, [.uuid(user), .uuid(planID), .text(subscriptionID)])
            guard var reader = row?.reader else { return nil }
            let date = try reader.integer(in: Timestamp.rangeOfSeconds)
            let isFresh = now - date <= Self.lifetime && date <= now
            return isFresh && date >= item.currentPeriodStart ? date : nil
        }
    }
}
