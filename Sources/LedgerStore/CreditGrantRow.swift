import Database
import FoundationEssentials
import Ledger

/// The lines of what accounts were given and had taken away, as they are stored.
enum CreditGrantRow {
    /// Finds which of these grants were made, in whatever period.
    static func select(_ keys: [GrantKey]) -> StatementBatch {
        StatementBatch(
            "SELECT 1 FROM credit_grants WHERE user_id = ? AND kind = ? AND cause = ? LIMIT 1",
            keys.map { [.uuid($0.userID), .text($0.kind.rawValue), .text($0.cause)] })
    }

    /// Those of the running period and of the one before it, in their order, for each user.
    static func selectLatest(_ users: [UUID]) -> StatementBatch {
        StatementBatch(
            """
            SELECT g.user_id, g.period_number, g.kind, g.cause, g.credits, g.reason, g.created_at
            FROM career_subscription_contexts c
            JOIN credit_grants g ON g.user_id = c.user_id AND g.period_number >= c.period_number - 1
            WHERE c.user_id = ? ORDER BY g.created_at, g.cause
            """, users.map { [.uuid($0)] })
    }

    static func read(_ row: Row) throws -> CreditGrant {
        var reader = row.reader
        return try CreditGrant(
            userID: reader.uuid(), periodNumber: reader.integer(),
            kind: reader.oneOf(CreditGrant.Kind.self), cause: reader.text(),
            credits: reader.credits(), reason: reader.optionalText(), createdAt: reader.time())
    }
}
