import Database
import FoundationEssentials
import Ledger
import Values

/// A subscription as far as it is linked to one at Stripe.
package struct LinkedSubscription: Sendable {
    package let userID: UUID
    package let planID: UUID
    package let status: Subscription.Status
    package let trialEnd: Timestamp?
    package let isCanceled: Bool

    /// The subscription that has this id at Stripe.
    package static func find(
        stripeID: String, in connection: any DatabaseConnection
    ) throws -> LinkedSubscription? {
        let row = try connection.queryOne(
            """
            SELECT user_id, plan_id, status, trial_end, cancel_at_period_end
            FROM subscriptions WHERE stripe_subscription_id = ?
            """, [.text(stripeID)])
        guard var reader = row?.reader else { return nil }
        return try LinkedSubscription(
            userID: reader.uuid(), planID: reader.uuid(),
            status: reader.oneOf(Subscription.Status.self), trialEnd: reader.optionalTime(),
            isCanceled: reader.bool())
    }

    /// The customer at Stripe that a user has by now.
    package static func customer(
        of user: UUID, in connection: any DatabaseConnection
    ) throws -> String? {
        let row = try connection.queryOne(
            "SELECT stripe_customer_id FROM subscriptions WHERE user_id = ?", [.uuid(user)])
        guard var reader = row?.reader else { return nil }
        return try reader.optionalText()
    }

    /// Whether the user has an account and no customer at Stripe.
    package static func isWithoutCustomer(
        _ user: UUID, in connection: any DatabaseConnection
    ) throws -> Bool {
        try connection.queryOne(
            "SELECT 1 FROM subscriptions WHERE user_id = ? AND stripe_customer_id IS NULL",
            [.uuid(user)]) != nil
    }

    /// Whether the user ever had a subscription at Stripe.
    package static func hasEverBought(
        user: UUID, in connection: any DatabaseConnection
    ) throws -> Bool {
        try !connection.query(
            """
            SELECT 1 FROM subscriptions s
            JOIN subscription_changes c ON c.subscription_id = s.id
            WHERE s.user_id = ? AND c.stripe_subscription_id IS NOT NULL LIMIT 1
            """, [.uuid(user)]
        ).isEmpty
    }

    /// Whether a change of this name was written and nothing was bought at Stripe after it.
    package static func hasBoughtNothing(
        since event: String, _ subscription: UUID, in connection: any DatabaseConnection
    ) throws -> Bool {
        try !connection.query(
            """
            SELECT 1 FROM subscription_changes gone
            WHERE gone.subscription_id = ? AND gone.event = ? AND NOT EXISTS (
                SELECT 1 FROM subscription_changes later
                WHERE later.subscription_id = gone.subscription_id AND later.id > gone.id
                    AND later.stripe_subscription_id IS NOT NULL)
            """, [.uuid(subscription), .text(event)]
        ).isEmpty
    }
}

extension ScheduledPlan {
    /// Reads `scheduled_plan_id` and `scheduled_at`, which are both there or neither.
    init?(reading reader: inout RowReader) throws {
        let (planID, startsAt) = try (reader.optionalUUID(), reader.optionalTime())
        guard let planID, let startsAt else { return nil }
        self.init(planID: planID, startsAt: startsAt)
    }
}

/// An account that has a customer at Stripe, as it is compared with what Stripe says.
package struct MirroredAccount: Sendable {
    package let userID: UUID
    package let customerID: String
    package let subscriptionID: String?
    package let planID: UUID
    package let status: Subscription.Status
    package let cancelAtPeriodEnd: Bool
    package let cancelAt: Timestamp?
    package let scheduled: ScheduledPlan?
    package let periodStart: Timestamp
    /// Of a month of a year that is paid for, the year's.
    package let periodEnd: Timestamp
    package let isPeriodPaid: Bool

    package static func find(
        _ user: UUID, in connection: any DatabaseConnection
    ) throws -> MirroredAccount? {
        try select("s.user_id = ?", [.uuid(user)], limit: 1, in: connection).first
    }

    /// A page of them, in the order of the users' ids.
    package static func page(
        after user: UUID, limit: Int64, in connection: any DatabaseConnection
    ) throws -> [MirroredAccount] {
        try select("s.user_id > ?", [.uuid(user)], limit: limit, in: connection)
    }

    package static func count(in connection: any DatabaseConnection) throws -> Int64 {
        var reader = try connection.query(
            "SELECT count(*) FROM subscriptions WHERE stripe_customer_id IS NOT NULL")[0].reader
        return try reader.integer()
    }

    private static func select(
        _ filter: String, _ arguments: [SQLValue], limit: Int64,
        in connection: any DatabaseConnection
    ) throws -> [MirroredAccount] {
        try connection.query(
            """
            SELECT s.user_id, s.stripe_customer_id, s.stripe_subscription_id, s.plan_id, s.status,
                s.cancel_at_period_end, s.cancel_at, s.scheduled_plan_id, s.scheduled_at,
                c.period_start, coalesce(c.year_end, c.period_end), c.period_source
            FROM subscriptions s
            JOIN career_subscription_contexts c ON c.subscription_id = s.id
            WHERE s.stripe_customer_id IS NOT NULL AND \(filter)
            ORDER BY s.user_id LIMIT ?
            """, arguments + [.integer(limit)]
        ).map { row in
            var reader = row.reader
            return try MirroredAccount(
                userID: reader.uuid(), customerID: reader.text(),
                subscriptionID: reader.optionalText(), planID: reader.uuid(),
                status: reader.oneOf(Subscription.Status.self),
                cancelAtPeriodEnd: reader.bool(), cancelAt: reader.optionalTime(),
                scheduled: ScheduledPlan(reading: &reader), periodStart: reader.time(),
                periodEnd: reader.time(),
                isPeriodPaid: reader.oneOf(BillingPeriod.Source.self) == .paid)
        }
    }
}
