import Database
import FoundationEssentials
import Users
import Values

/// The address to which a workspace's bills go, how it lies in the table
/// `workspace_billing_emails`. Whoever changes it holds the lock of the workspace's row, but for
/// the sweep, which touches nothing that is still good.
package struct BillingEmail: Sendable, Equatable {
    /// Proven; `nil` for the owner's, whoever that is.
    package let address: String?
    private let waiting: Waiting?

    private struct Waiting: Sendable, Equatable {
        let address: String
        let codeEnd: Timestamp
        let wrongTries: Int64
    }

    package static let owners = BillingEmail(address: nil, waiting: nil)

    package static func find(
        _ workspace: UUID, in connection: any DatabaseConnection
    ) throws -> BillingEmail {
        let row = try connection.queryOne(
            """
            SELECT email, pending_email, code_expires_at, wrong_tries
            FROM workspace_billing_emails WHERE workspace_id = ?
            """, [.uuid(workspace)])
        guard var reader = row?.reader else { return .owners }
        let (address, pending) = (try reader.optionalText(), try reader.optionalText())
        let (end, tries) = (try reader.optionalTime(), try reader.integer())
        guard let pending, let end else { return BillingEmail(address: address, waiting: nil) }
        return BillingEmail(
            address: address,
            waiting: Waiting(address: pending, codeEnd: end, wrongTries: tries))
    }

    /// The address that was set and is not proven yet: nothing but its code is mailed to it.
    ///
    /// - Returns: `nil` also if its code is good no more.
    package func pending(at now: Timestamp) -> String? { live(at: now)?.address }

    /// The first instant at which the code of the address that waits is good no more.
    ///
    /// - Returns: `nil` if no code is good.
    package func codeEnd(at now: Timestamp) -> Timestamp? { live(at: now)?.codeEnd }

    private func live(at now: Timestamp) -> Waiting? {
        guard let waiting, now < waiting.codeEnd, waiting.wrongTries < Self.maximumWrongTries
        else { return nil }
        return waiting
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
    /// - Returns: whether it was the code, and what was judged still waited when it was written.
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
        let change =
            isGood
            ? """
            email = pending_email, email_key = pending_key, pending_email = NULL,
            pending_key = NULL, code_hash = NULL, code_expires_at = NULL, wrong_tries = 0
            """
            : "wrong_tries = wrong_tries + 1"
        let changed = try connection.execute(
            """
            UPDATE workspace_billing_emails SET \(change)
            WHERE workspace_id = ? AND pending_key = ? AND code_hash = ?
            """, [.uuid(workspace), .text(pending), .blob(kept)])
        return isGood && changed == 1
    }

    /// Nothing waits any more; the address that was proven stays.
    package static func dropPending(
        of workspace: UUID, in connection: any DatabaseConnection
    ) throws {
        try dropPending(where: "workspace_id = ?", [.uuid(workspace)], in: connection)
    }

    /// Bills go to the owner from now on.
    package static func remove(
        of workspace: UUID, in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            "DELETE FROM workspace_billing_emails WHERE workspace_id = ?", [.uuid(workspace)])
    }

    /// The workspaces whose bills go to an address, or whose owner has asked that they do, by
    /// their ids.
    package static func workspaces(
        ofEmailKey key: String, in connection: any DatabaseConnection
    ) throws -> [UUID] {
        try connection.query(
            """
            SELECT workspace_id FROM workspace_billing_emails
            WHERE email_key = ? OR pending_key = ? ORDER BY workspace_id
            """, [.text(key), .text(key)]
        ).map { row in
            var reader = row.reader
            return try reader.uuid()
        }
    }

    /// Forgets the address of somebody who is erased: a workspace's bills go to it no more, and it
    /// does not wait.
    ///
    /// - Parameter key: of an address that is nobody else's.
    package static func forget(
        emailKey key: String, of workspace: UUID, in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            """
            UPDATE workspace_billing_emails SET email = NULL, email_key = NULL
            WHERE workspace_id = ? AND email_key = ?
            """, [.uuid(workspace), .text(key)])
        try dropPending(
            where: "workspace_id = ? AND pending_key = ?", [.uuid(workspace), .text(key)],
            in: connection)
    }

    /// Erases addresses that wait for a code which has expired. The condition is judged anew for
    /// each row when it is written: another code may have been mailed meanwhile.
    ///
    /// - Parameter end: the last expiry that is over.
    /// - Returns: how many there were, at most `limit`.
    package static func erasePending(
        until end: Timestamp, limit: Int64, in connection: any DatabaseConnection
    ) throws -> Int {
        try dropPending(
            where: """
                code_expires_at <= ? AND workspace_id IN (
                    SELECT workspace_id FROM workspace_billing_emails WHERE code_expires_at <= ?
                    ORDER BY code_expires_at LIMIT ?)
                """, [.time(end), .time(end), .integer(limit)], in: connection)
    }

    @discardableResult
    private static func dropPending(
        where condition: String, _ values: [SQLValue], in connection: any DatabaseConnection
    ) throws -> Int {
        try connection.execute(
            """
            UPDATE workspace_billing_emails SET pending_email = NULL, pending_key = NULL,
                code_hash = NULL, code_expires_at = NULL, wrong_tries = 0
            WHERE \(condition)
            """, values)
    }
}
