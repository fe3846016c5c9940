import Database
import FoundationEssentials
import Ledger
import Values

/// The lines of what accounts were given and had taken away, as they are stored.
enum CreditGrantRow {
    /// Finds which of these grants were made, in whatever period.
    static func select(_ keys: [GrantKey]) -> StatementBatch {
        StatementBatch(
            "SELECT 1 FROM credit_grants WHERE user_id = ? AND kind = ? AND cause = ? LIMIT 1",
            keys.map { [.uuid($0.userID), .text($0.kind.rawValue), .text($0.cause)] })
    }

    /// Those of the running period, of the one before it and of those that have a rollover which
    /// has not ended, in their order, for each user.
    static func selectLatest(_ users: [UUID], at now: Timestamp) -> StatementBatch {
        StatementBatch(
            """
            SELECT g.user_id, g.period_number, g.kind, g.cause, g.credits, g.reason, g.created_at
            FROM career_subscription_contexts c
            JOIN credit_grants g ON g.user_id = c.user_id
                AND (g.period_number >= c.period_number - 1
                    OR EXISTS (SELECT 1 FROM standalone_grants r WHERE r.account_id = g.user_id
                        AND r.source = 'rollover' AND r.cause = 'rollover ' || g.period_number
                        AND r.expires_at > ?))
            WHERE c.user_id = ? ORDER BY g.created_at, g.cause
            """, users.map { [.time(now), .uuid($0)] })
    }

    static func read(_ row: Row) throws -> CreditGrant {
        var reader = row.reader
        return try CreditGrant(
            userID: reader.uuid(), periodNumber: reader.integer(),
            kind: reader.oneOf(CreditGrant.Kind.self), cause: reader.text(),
            credits: reader.credits(), reason: reader.optionalText(), createdAt: reader.time())
    }
}
