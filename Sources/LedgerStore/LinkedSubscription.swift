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
    /// The plan that is to follow.
    package let scheduled: ScheduledPlan?

    /// The subscription that has this id at Stripe.
    package static func find(
        stripeID: String, of t: ProductTables = .of(.career),
        in connection: any DatabaseConnection
    ) throws -> LinkedSubscription? {
        let row = try connection.queryOne(
            """
            SELECT \(t.holder), plan_id, status, trial_end, cancel_at_period_end,
                scheduled_plan_id, scheduled_at
            FROM \(t.subscriptions) WHERE stripe_subscription_id = ?
            """, [.text(stripeID)])
        guard var reader = row?.reader else { return nil }
        return try LinkedSubscription(
            userID: reader.uuid(), planID: reader.uuid(),
            status: reader.oneOf(Subscription.Status.self), trialEnd: reader.optionalTime(),
            isCanceled: reader.bool(), scheduled: ScheduledPlan(reading: &reader))
    }

    /// The customer at Stripe that a user has by now.
    package static func customer(
        of user: UUID, of t: ProductTables = .of(.career), in connection: any DatabaseConnection
    ) throws -> String? {
        let row = try connection.queryOne(
            "SELECT stripe_customer_id FROM \(t.subscriptions) WHERE \(t.holder) = ?",
            [.uuid(user)])
        guard var reader = row?.reader else { return nil }
        return try reader.optionalText()
    }

    /// The id at Stripe of what a holder subscribes to.
    package static func stripeID(
        of holder: UUID, of t: ProductTables, in connection: any DatabaseConnection
    ) throws -> String? {
        let row = try connection.queryOne(
            "SELECT stripe_subscription_id FROM \(t.subscriptions) WHERE \(t.holder) = ?",
            [.uuid(holder)])
        guard var reader = row?.reader else { return nil }
        return try reader.optionalText()
    }

    /// Whose customer at Stripe it is.
    package static func holder(
        ofCustomer customerID: String, of t: ProductTables, in connection: any DatabaseConnection
    ) throws -> UUID? {
        try holder(
            "stripe_customer_id = ?", [.text(customerID)], of: t, in: connection)
    }

    /// Whether what the customer subscribes to may become the holder's: one customer a holder,
    /// ever.
    package static func mayBecome(
        _ holder: UUID, ofCustomer customerID: String, of t: ProductTables,
        in connection: any DatabaseConnection
    ) throws -> Bool {
        try self.holder(
            "\(t.holder) = ? AND (stripe_customer_id IS NULL OR stripe_customer_id = ?)",
            [.uuid(holder), .text(customerID)], of: t, in: connection) != nil
    }

    /// Whether an account has this subscription though it is of another customer than the
    /// account's.
    package static func isOfAnother(
        _ stripeID: String, than customerID: String, of t: ProductTables,
        in connection: any DatabaseConnection
    ) throws -> Bool {
        try holder(
            "stripe_subscription_id = ? AND stripe_customer_id <> ?",
            [.text(stripeID), .text(customerID)], of: t, in: connection) != nil
    }

    private static func holder(
        _ condition: String, _ arguments: [SQLValue], of t: ProductTables,
        in connection: any DatabaseConnection
    ) throws -> UUID? {
        let row = try connection.queryOne(
            "SELECT \(t.holder) FROM \(t.subscriptions) WHERE \(condition)", arguments)
        guard var reader = row?.reader else { return nil }
        return try reader.uuid()
    }

    /// Whether the user has an account and no customer at Stripe.
    package static func isWithoutCustomer(
        _ user: UUID, of t: ProductTables = .of(.career), in connection: any DatabaseConnection
    ) throws -> Bool {
        try holder(
            "\(t.holder) = ? AND stripe_customer_id IS NULL", [.uuid(user)], of: t,
            in: connection) != nil
    }

    /// Whether a holder has an account, whatever they pay for.
    package static func hasAccount(
        _ holder: UUID, of t: ProductTables, in connection: any DatabaseConnection
    ) throws -> Bool {
        try self.holder("\(t.holder) = ?", [.uuid(holder)], of: t, in: connection) != nil
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
        since event: String, _ subscription: UUID, of t: ProductTables = .of(.career),
        in connection: any DatabaseConnection
    ) throws -> Bool {
        try !connection.query(
            """
            SELECT 1 FROM \(t.changes) gone
            WHERE gone.subscription_id = ? AND gone.event = ? AND NOT EXISTS (
                SELECT 1 FROM \(t.changes) later
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

/// Accounts whose payment has been awaited longer than the grace.
package enum OverduePayments {
    /// - Parameter end: what is paid for ended by then.
    /// - Returns: whose they are; at most `limit`, those that lapsed last first.
    package static func holders(
        until end: Timestamp, limit: Int64, of t: ProductTables,
        in connection: any DatabaseConnection
    ) throws -> [UUID] {
        try connection.query(
            """
            SELECT s.\(t.holder) FROM \(t.subscriptions) s
            JOIN \(t.contexts) c ON c.subscription_id = s.id
            WHERE s.status = 'past_due' AND c.period_end <= ? ORDER BY c.period_end DESC LIMIT ?
            """, [.time(end), .integer(limit)]
        ).map { row in
            var reader = row.reader
            return try reader.uuid()
        }
    }
}
