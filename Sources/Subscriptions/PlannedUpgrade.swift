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
            itemID: item.id, priceID: price.id, prorationDate: prorationDate,
            startsCycle: startsCycle)
    }

    /// Whether a year begins at once in place of the month that runs. A trial goes on to its end.
    var startsCycle: Bool {
        price.interval != item.price.interval && subscription.status != .trialing
    }

    /// When what is paid for ends then.
    func periodEnd(_ now: Int64) -> Timestamp {
        startsCycle
            ? Timestamp(ofStripe: now).adding(months: new.interval.months)
            : Timestamp(ofStripe: item.currentPeriodEnd)
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
        let move = try await planMove(
            to: newPlanID, by: .upgrade, user: user, requestID: requestID)
        return try await upgrade(move)
    }

    func upgrade(_ move: PlannedMove) async throws -> PlannedUpgrade {
        PlannedUpgrade(
            current: move.current, new: move.new, subscription: move.subscription,
            item: move.item, price: try await prices.price(of: move.new))
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
