import Database
import FoundationEssentials
import Ledger
import Values

/// All rows of an account.
package enum AccountRows {
    /// Erases them, children first.
    package static func erase(_ user: UUID, in connection: any DatabaseConnection) throws {
        let id = [SQLValue.uuid(user)]
        try connection.execute("DELETE FROM usage_draws WHERE account_id = ?", id)
        try connection.execute("DELETE FROM standalone_grants WHERE account_id = ?", id)
        try connection.execute("DELETE FROM career_usage_steps WHERE user_id = ?", id)
        try connection.execute("DELETE FROM career_usage_logs WHERE user_id = ?", id)
        try connection.execute("DELETE FROM credit_grants WHERE user_id = ?", id)
        try connection.execute(
            """
            DELETE FROM subscription_changes WHERE subscription_id IN (
                SELECT id FROM subscriptions WHERE user_id = ?)
            """, id)
        try connection.execute("DELETE FROM career_subscription_contexts WHERE user_id = ?", id)
        try connection.execute("DELETE FROM subscriptions WHERE user_id = ?", id)
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
        _ user: UUID, in connection: any DatabaseConnection
    ) throws -> Timestamp? {
        let row = try connection.queryOne(
            "SELECT decided_at FROM career_subscription_contexts WHERE user_id = ?",
            [.uuid(user)])
        guard var reader = row?.reader else { return nil }
        return try reader.time()
    }
}
