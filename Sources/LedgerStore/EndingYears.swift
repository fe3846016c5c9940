import Database
import FoundationEssentials
import Ledger
import Values

/// A year that is paid for, ends soon and is to be paid for again, of which its user was not told.
package struct EndingYear: Sendable {
    package let userID: UUID
    package let subscriptionID: String
    package let invoiceID: String
    package let end: Timestamp

    /// - Parameters:
    ///   - now: years that are over by then are too late to be told of.
    ///   - end: those that end later are not soon.
    ///   - last: those that stand before it, and it, were looked at.
    /// - Returns: the first to end first. Of who has canceled, does not pay, or changes the plan at
    ///   the end, nothing renews.
    package static func untold(
        at now: Timestamp, until end: Timestamp, after last: EndingYear?, limit: Int64,
        in connection: any DatabaseConnection
    ) throws -> [EndingYear] {
        try connection.query(
            """
            SELECT c.user_id, s.stripe_subscription_id, c.year_invoice_id, c.year_end
            FROM career_subscription_contexts c JOIN subscriptions s ON s.id = c.subscription_id
            WHERE c.year_end > ? AND c.year_end <= ?
                AND (c.year_told_id IS NULL OR c.year_told_id <> c.year_invoice_id)
                AND s.status = 'active' AND s.stripe_subscription_id IS NOT NULL
                AND s.cancel_at_period_end = 0 AND s.scheduled_at IS NULL
                AND (c.year_end > ? OR c.year_end = ? AND c.user_id > ?)
            ORDER BY c.year_end, c.user_id LIMIT ?
            """,
            [
                .time(now), .time(end), .time(last?.end ?? now), .time(last?.end ?? now),
                .uuid(last?.userID ?? UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))),
                .integer(limit),
            ]
        ).map { row in
            var reader = row.reader
            return try EndingYear(
                userID: reader.uuid(), subscriptionID: reader.text(), invoiceID: reader.text(),
                end: reader.time())
        }
    }

    /// The user is told, or cannot be.
    ///
    /// - Returns: false where another process was first, or the year is no longer the account's.
    package func markTold(in connection: any DatabaseConnection) throws -> Bool {
        try !connection.query(
            """
            UPDATE career_subscription_contexts SET year_told_id = year_invoice_id
            WHERE user_id = ? AND year_invoice_id = ?
                AND (year_told_id IS NULL OR year_told_id <> year_invoice_id)
            RETURNING user_id
            """, [.uuid(userID), .text(invoiceID)]
        ).isEmpty
    }
}
