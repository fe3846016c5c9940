import Database
import FoundationEssentials
import Ledger
import Values

/// All rows of an account.
package enum AccountRows {
    /// Keeps others from deciding on the account until this database transaction ends.
    package static func lock(
        _ user: UUID, of t: ProductTables, in connection: any DatabaseConnection
    ) throws {
        _ = try connection.query(
            "SELECT 1 FROM \(t.contexts) WHERE \(t.holder) = ?" + connection.dialect.lockRows,
            [.uuid(user)])
    }

    /// Erases them, children first. What is decided at the same time was done before, or finds no
    /// account.
    package static func erase(
        _ user: UUID, of t: ProductTables = .of(.career), in connection: any DatabaseConnection
    ) throws {
        let id = [SQLValue.uuid(user)]
        try lock(user, of: t, in: connection)
        if t.hasKeys {
            try connection.execute("DELETE FROM api_key_spending WHERE account_id = ?", id)
        }
        try connection.execute("DELETE FROM \(t.draws) WHERE account_id = ?", id)
        try connection.execute("DELETE FROM \(t.grants) WHERE account_id = ?", id)
        try connection.execute("DELETE FROM \(t.steps) WHERE \(t.holder) = ?", id)
        try connection.execute("DELETE FROM \(t.logs) WHERE \(t.holder) = ?", id)
        try connection.execute("DELETE FROM \(t.lines) WHERE \(t.holder) = ?", id)
        try connection.execute(
            """
            DELETE FROM \(t.changes) WHERE subscription_id IN (
                SELECT id FROM \(t.subscriptions) WHERE \(t.holder) = ?)
            """, id)
        try connection.execute("DELETE FROM \(t.contexts) WHERE \(t.holder) = ?", id)
        try connection.execute("DELETE FROM \(t.subscriptions) WHERE \(t.holder) = ?", id)
    }

    /// The user's own limits; `nil` if they have none.
    package static func limits(
        of user: UUID, in connection: any DatabaseConnection
    ) throws -> SpendingLimits? {
        let row = try connection.queryOne(
            "SELECT \(SpendingRow.columns) FROM career_subscription_contexts WHERE user_id = ?",
            [.uuid(user)])
        guard var reader = row?.reader else { return nil }
        return try SpendingRow.read(&reader)?.limits
    }

    /// Up to when the account's past is decided on; `nil` if there is no account.
    package static func decidedAt(
        _ user: UUID, of t: ProductTables = .of(.career), in connection: any DatabaseConnection
    ) throws -> Timestamp? {
        let row = try connection.queryOne(
            "SELECT decided_at FROM \(t.contexts) WHERE \(t.holder) = ?",
            [.uuid(user)])
        guard var reader = row?.reader else { return nil }
        return try reader.time()
    }
}
