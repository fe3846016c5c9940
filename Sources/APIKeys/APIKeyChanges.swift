import Database
import FoundationEssentials
import Values

/// How a key's row comes to be and changes. Whoever decides on it holds the lock of its workspace's
/// row.
extension APIKeyRow {
    /// - Parameter hash: the keyed hash of the key.
    package func insert(hash: [UInt8], in connection: any DatabaseConnection) throws {
        try connection.execute(
            """
            INSERT INTO workspace_api_keys (id, workspace_id, family_id, name, key_hash,
                key_prefix, is_test, credit_limit, created_by, created_at, expires_at,
                expiry_told_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .uuid(id), .uuid(workspaceID), .uuid(familyID), .text(name), .blob(hash),
                .text(prefix), .bool(isTest), .credits(creditLimit), .uuid(createdBy),
                .time(createdAt), .time(expiresAt), .time(isShort ? createdAt : nil),
            ])
    }

    /// Notes when keys were last used; no use is moved back.
    ///
    /// - Parameter uses: by the keys' keyed hashes; of a hash that no row has nothing is noted.
    static func noteUses(
        _ uses: [(hash: [UInt8], at: Timestamp)], in connection: any DatabaseConnection
    ) throws {
        try connection.executeMany(
            """
            UPDATE workspace_api_keys SET last_used_at = ?
            WHERE key_hash = ? AND (last_used_at IS NULL OR last_used_at < ?)
            """, uses.map { [.time($0.at), .blob($0.hash), .time($0.at)] })
    }

    /// Whether its end is so near when it is made that nobody needs a mail of it.
    private var isShort: Bool {
        expiresAt.map { $0 <= createdAt.adding(seconds: Self.noticeSeconds) } ?? false
    }

    /// - Returns: false where it was told before, or the key was revoked.
    package static func noteExpiryTold(
        _ id: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Bool {
        try connection.execute(
            """
            UPDATE workspace_api_keys SET expiry_told_at = ?
            WHERE id = ? AND expiry_told_at IS NULL AND revoked_at IS NULL
            """, [.time(now), .uuid(id)]) == 1
    }

    package static func setName(
        _ name: String, of id: UUID, in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            "UPDATE workspace_api_keys SET name = ? WHERE id = ?", [.text(name), .uuid(id)])
    }

    /// The limit is one for all that the key was rotated from or to.
    package static func setLimit(
        _ limit: Credits?, ofFamily id: UUID, of workspace: UUID,
        in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            """
            UPDATE workspace_api_keys SET credit_limit = ?
            WHERE workspace_id = ? AND family_id = ?
            """, [.credits(limit), .uuid(workspace), .uuid(id)])
    }

    /// Gives a key that was rotated its end, of which nobody is told once more.
    package static func setExpiry(
        _ end: Timestamp, of id: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try connection.execute(
            "UPDATE workspace_api_keys SET expires_at = ?, expiry_told_at = ? WHERE id = ?",
            [.time(end), .time(now), .uuid(id)])
    }

    package static func revoke(
        _ id: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try connection.execute(
            "UPDATE workspace_api_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",
            [.time(now), .uuid(id)])
    }

    /// Revokes those that are live; what has expired stays so.
    ///
    /// - Returns: them, as they were.
    package static func revokeAll(
        of workspace: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> [APIKeyRow] {
        let live = try allLive(of: workspace, in: connection, now: now)
        for key in live { try revoke(key.id, in: connection, now: now) }
        return live
    }

    /// Forgets that a user who is erased has made keys.
    package static func forgetMaker(
        _ user: UUID, in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            "UPDATE workspace_api_keys SET created_by = NULL WHERE created_by = ?", [.uuid(user)])
    }
}
