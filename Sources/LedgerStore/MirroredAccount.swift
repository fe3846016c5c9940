import Database
import FoundationEssentials
import Ledger
import Values

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
        _ user: UUID, of t: ProductTables = .of(.career), in connection: any DatabaseConnection
    ) throws -> MirroredAccount? {
        try select("s.\(t.holder) = ?", [.uuid(user)], limit: 1, of: t, in: connection).first
    }

    /// A page of them, in the order of the users' ids.
    package static func page(
        after user: UUID, limit: Int64, of t: ProductTables = .of(.career),
        in connection: any DatabaseConnection
    ) throws -> [MirroredAccount] {
        try select("s.\(t.holder) > ?", [.uuid(user)], limit: limit, of: t, in: connection)
    }

    package static func count(
        of t: ProductTables = .of(.career), in connection: any DatabaseConnection
    ) throws -> Int64 {
        var reader = try connection.query(
            "SELECT count(*) FROM \(t.subscriptions) WHERE stripe_customer_id IS NOT NULL")[0]
            .reader
        return try reader.integer()
    }

    private static func select(
        _ filter: String, _ arguments: [SQLValue], limit: Int64, of t: ProductTables,
        in connection: any DatabaseConnection
    ) throws -> [MirroredAccount] {
        // A workspace pays by the month.
        let end = t.hasKeys ? "c.period_end" : "coalesce(c.year_end, c.period_end)"
        return try connection.query(
            """
            SELECT s.\(t.holder), s.stripe_customer_id, s.stripe_subscription_id, s.plan_id,
                s.status, s.cancel_at_period_end, s.cancel_at, s.scheduled_plan_id, s.scheduled_at,
                c.period_start, \(end), c.period_source
            FROM \(t.subscriptions) s
            JOIN \(t.contexts) c ON c.subscription_id = s.id
            WHERE s.stripe_customer_id IS NOT NULL AND \(filter)
            ORDER BY s.\(t.holder) LIMIT ?
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
