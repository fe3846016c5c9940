import Database
import FoundationEssentials
import Users
import Values

/// The address to which a workspace's bills go, how it lies in the table
/// `workspace_billing_emails`. Whoever changes it holds the lock of the workspace's row.
package struct BillingEmail: Sendable, Equatable {
    /// Proven; `nil` for the owner's, whoever that is.
    package let address: String?
    /// Set and not proven yet: nothing but its code is mailed to it.
    package let pending: String?

    package static let owners = BillingEmail(address: nil, pending: nil)

    package static func find(
        _ workspace: UUID, in connection: any DatabaseConnection
    ) throws -> BillingEmail {
        let row = try connection.queryOne(
            "SELECT email, pending_email FROM workspace_billing_emails WHERE workspace_id = ?",
            [.uuid(workspace)])
        guard var reader = row?.reader else { return .owners }
        return BillingEmail(
            address: try reader.optionalText(), pending: try reader.optionalText())
    }

    /// Has an address wait for its code, in place of one that waits already.
    ///
    /// - Parameters:
    ///   - hash: the code's, keyed.
    ///   - end: the first instant at which the code is good no more.
    package static func propose(
        _ email: EmailAddress, of workspace: UUID, codeHash hash: [UInt8], until end: Timestamp,
        in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            """
            INSERT INTO workspace_billing_emails (workspace_id, pending_email, pending_key,
                code_hash, code_expires_at, wrong_tries)
            VALUES (?, ?, ?, ?, ?, 0)
            ON CONFLICT (workspace_id) DO UPDATE SET
                pending_email = excluded.pending_email, pending_key = excluded.pending_key,
                code_hash = excluded.code_hash, code_expires_at = excluded.code_expires_at,
                wrong_tries = 0
            """,
            [
                .uuid(workspace), .text(email.text), .text(email.key), .blob(hash), .time(end),
            ])
    }

    /// Wrong codes that end one.
    package static let maximumWrongTries: Int64 = 5

    /// Makes the address that waits the workspace's own, if this is its code. A wrong one is
    /// counted: the caller is to let the database transaction stand.
    ///
    /// - Parameter hashes: what the code's hash may be, given the address that waits.
    /// - Returns: whether it was the code.
    package static func confirm(
        of workspace: UUID, in connection: any DatabaseConnection, now: Timestamp,
        _ hashes: (_ pending: String) -> [[UInt8]]
    ) throws -> Bool {
        let row = try connection.queryOne(
            """
            SELECT pending_key, code_hash FROM workspace_billing_emails
            WHERE workspace_id = ? AND pending_key IS NOT NULL AND code_expires_at > ?
                AND wrong_tries < \(maximumWrongTries)
            """, [.uuid(workspace), .time(now)])
        guard var reader = row?.reader else { return false }
        let (pending, kept) = (try reader.text(), try reader.blob())
        var isGood = false
        for hash in hashes(pending) where equalInConstantTime(kept, hash) { isGood = true }
        try connection.execute(
            isGood
                ? """
                UPDATE workspace_billing_emails SET email = pending_email,
                    email_key = pending_key, pending_email = NULL, pending_key = NULL,
                    code_hash = NULL, code_expires_at = NULL, wrong_tries = 0
                WHERE workspace_id = ?
                """
                : """
                UPDATE workspace_billing_emails SET wrong_tries = wrong_tries + 1
                WHERE workspace_id = ?
                """, [.uuid(workspace)])
        return isGood
    }

    /// Nothing waits any more; the address that was proven stays.
    package static func dropPending(
        of workspace: UUID, in connection: any DatabaseConnection
    ) throws {
        try dropPending(where: "workspace_id = ?", .uuid(workspace), in: connection)
    }

    /// Bills go to the owner from now on.
    package static func remove(
        of workspace: UUID, in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            "DELETE FROM workspace_billing_emails WHERE workspace_id = ?", [.uuid(workspace)])
    }

    /// Forgets the address of somebody who is erased, wherever bills go to it.
    ///
    /// - Parameter key: of an address that is nobody else's.
    /// - Returns: the workspaces whose bills went to it.
    package static func forget(
        emailKey key: String, in connection: any DatabaseConnection
    ) throws -> [UUID] {
        let workspaces = try connection.query(
            "SELECT workspace_id FROM workspace_billing_emails WHERE email_key = ?", [.text(key)]
        ).map { row in
            var reader = row.reader
            return try reader.uuid()
        }
        try connection.execute(
            """
            UPDATE workspace_billing_emails SET email = NULL, email_key = NULL
            WHERE email_key = ?
            """, [.text(key)])
        try dropPending(where: "pending_key = ?", .text(key), in: connection)
        return workspaces
    }

    private static func dropPending(
        where condition: String, _ value: SQLValue, in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            """
            UPDATE workspace_billing_emails SET pending_email = NULL, pending_key = NULL,
                code_hash = NULL, code_expires_at = NULL, wrong_tries = 0
            WHERE \(condition)
            """, [value])
    }
}
