import Database
import FoundationEssentials
import Ledger
import Values

/// A year that is to be paid for soon: one that renews, or one that a schedule begins.
package struct DueYear: Sendable {
    package let userID: UUID
    package let subscriptionID: String
    /// The plan that is paid for then.
    package let planID: UUID
    package let dueAt: Timestamp
    /// Whether it takes the place of what is paid for until then.
    package let isScheduled: Bool
    /// What the user was last told is charged next; `nil`: nothing yet.
    package let told: String?
    /// The invoice of the year that ends; `nil` if none does.
    package let invoiceID: String?

    /// - Parameters:
    ///   - now: years that begin by then are too late to be told of.
    ///   - end: those that begin later are not soon.
    ///   - asked: of whom Stripe was asked since then, it is not asked again, unless a quarter is
    ///     over of the time that was left then: else what changes last would be told too late.
    ///   - last: those that stand before it, and it, were looked at.
    /// - Returns: the first to begin first, of each user the next one. Whose subscription has ended
    ///   by then, or who does not pay, is charged nothing.
    package static func soon(
        at now: Timestamp, until end: Timestamp, askedSince asked: Timestamp, after last: DueYear?,
        limit: Int64, in connection: any DatabaseConnection
    ) throws -> [DueYear] {
        let (after, user) = (last?.dueAt ?? now, last?.userID ?? UUID(uuid: Self.first))
        return try connection.query(
            """
            SELECT d.user_id, d.stripe_subscription_id, d.plan_id, d.due_at, d.is_scheduled,
                d.year_told_id, d.year_invoice_id
            FROM (\(renewing) UNION ALL \(scheduled)) d
            WHERE (d.renewal_asked_at IS NULL OR d.renewal_asked_at <= ?
                    OR d.due_at - d.renewal_asked_at <= 4 * (? - d.renewal_asked_at))
                AND (d.due_at > ? OR d.due_at = ? AND d.user_id > ?)
            ORDER BY d.due_at, d.user_id LIMIT ?
            """,
            [
                .time(now), .time(end), .time(now), .time(end), .time(now), .time(asked),
                .time(now), .time(after), .time(after), .uuid(user), .integer(limit),
            ]
        ).map { row in
            var reader = row.reader
            return try DueYear(
                userID: reader.uuid(), subscriptionID: reader.text(), planID: reader.uuid(),
                dueAt: reader.time(), isScheduled: reader.bool(), told: reader.optionalText(),
                invoiceID: reader.optionalText())
        }
    }

    private static let first: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

    private static func goesOn(beyond due: String) -> String {
        """
        s.stripe_subscription_id IS NOT NULL
            AND (s.cancel_at_period_end = 0 OR s.cancel_at > \(due))
        """
    }

    private static let renewing = """
        SELECT c.user_id, s.stripe_subscription_id, s.plan_id, c.year_end AS due_at,
            0 AS is_scheduled, c.year_told_id, c.year_invoice_id, c.renewal_asked_at
        FROM career_subscription_contexts c JOIN subscriptions s ON s.id = c.subscription_id
        WHERE c.year_end > ? AND c.year_end <= ?
            AND (s.scheduled_at IS NULL OR s.scheduled_at > c.year_end)
            AND s.status = 'active' AND \(goesOn(beyond: "c.year_end"))
        """

    private static let scheduled = """
        SELECT c.user_id, s.stripe_subscription_id, s.scheduled_plan_id, s.scheduled_at,
            1, c.year_told_id, c.year_invoice_id, c.renewal_asked_at
        FROM subscriptions s JOIN career_subscription_contexts c ON c.subscription_id = s.id
            JOIN plans p ON p.id = s.scheduled_plan_id
        WHERE s.scheduled_at > ? AND s.scheduled_at <= ? AND p.billing_interval = 'year'
            AND (c.year_end IS NULL OR c.year_end <= ? OR c.year_end >= s.scheduled_at)
            AND s.status IN ('active', 'trialing') AND \(goesOn(beyond: "s.scheduled_at"))
        """

    /// Stripe was asked, and the user is told this, or was before.
    ///
    /// - Parameter text: what is charged; `nil`: nothing was told.
    /// - Returns: false where another process was first, or the account is gone.
    package func mark(
        _ text: String?, at now: Timestamp, in connection: any DatabaseConnection
    ) throws -> Bool {
        try !connection.query(
            """
            UPDATE career_subscription_contexts
            SET year_told_id = coalesce(?, year_told_id), renewal_asked_at = ?
            WHERE user_id = ? AND coalesce(year_told_id, '') = ?
            RETURNING user_id
            """, [.text(text), .time(now), .uuid(userID), .text(told ?? "")]
        ).isEmpty
    }
}
