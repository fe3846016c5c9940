import Database
import FoundationEssentials
import Ledger
import Values

/// The lines of what accounts were given and had taken away, as they are stored.
enum CreditGrantRow {
    /// Finds which of these grants were made, in whatever period.
    static func select(_ keys: [GrantKey], of t: ProductTables) -> StatementBatch {
        StatementBatch(
            selectMade[t],
            keys.map { [.uuid($0.userID), .text($0.kind.rawValue), .text($0.cause)] })
    }

    /// Those of the running period, of the one before it and of those that have a rollover which
    /// has not ended, in their order, for each user.
    static func selectLatest(
        _ users: [UUID], at now: Timestamp, of t: ProductTables
    ) -> StatementBatch {
        StatementBatch(latest[t], users.map { [.time(now), .uuid($0)] })
    }

    private static let selectMade = ProductSQL { t in
        """
        SELECT 1 FROM \(t.lines) WHERE \(t.holder) = ? AND kind = ? AND cause = ? LIMIT 1
        """
    }
    private static let latest = ProductSQL { t in
        """
        SELECT g.\(t.holder), g.period_number, g.kind, g.cause, g.credits, g.reason, g.created_at
        FROM \(t.contexts) c
        JOIN \(t.lines) g ON g.\(t.holder) = c.\(t.holder)
            AND (g.period_number >= c.period_number - 1
                OR EXISTS (SELECT 1 FROM \(t.grants) r WHERE r.account_id = g.\(t.holder)
                    AND r.source = 'rollover' AND r.cause = 'rollover ' || g.period_number
                    AND r.expires_at > ?))
        WHERE c.\(t.holder) = ? ORDER BY g.created_at, g.cause
        """
    }

    static func read(_ row: Row) throws -> CreditGrant {
        var reader = row.reader
        return try CreditGrant(
            userID: reader.uuid(), periodNumber: reader.integer(),
            kind: reader.oneOf(CreditGrant.Kind.self), cause: reader.text(),
            credits: reader.credits(), reason: reader.optionalText(), createdAt: reader.time())
    }
}
