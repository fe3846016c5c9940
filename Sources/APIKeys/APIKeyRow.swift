import Database
import FoundationEssentials
import Values

/// What can be done with a key at an instant.
package enum APIKeyState: String, Sendable, CaseIterable {
    case live
    case expired
    case revoked
}

/// How a key lies in its table, `workspace_api_keys`. The key itself is nowhere: the row has its
/// keyed hash (HMAC-SHA-256 under `TOKEN_HASH_SECRETS`).
package struct APIKeyRow: Sendable, Equatable {
    package let id: UUID
    package let workspaceID: UUID
    /// The first key of those that were rotated into this one: their `credit_limit` is one.
    package let familyID: UUID
    package let name: String
    package let prefix: String
    package let isTest: Bool
    /// Credits of a period that the family may use and hold; `nil`: no limit of its own.
    package let creditLimit: Credits?
    package let createdBy: UUID?
    package let createdAt: Timestamp
    package let expiresAt: Timestamp?
    /// To the minute.
    package let lastUsedAt: Timestamp?
    package let revokedAt: Timestamp?

    package init(
        id: UUID, workspaceID: UUID, familyID: UUID, name: String, prefix: String, isTest: Bool,
        creditLimit: Credits?, createdBy: UUID, createdAt: Timestamp, expiresAt: Timestamp?
    ) {
        self.id = id
        self.workspaceID = workspaceID
        self.familyID = familyID
        self.name = name
        self.prefix = prefix
        self.isTest = isTest
        self.creditLimit = creditLimit
        self.createdBy = createdBy
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        lastUsedAt = nil
        revokedAt = nil
    }

    private init(_ row: Row) throws {
        var reader = row.reader
        id = try reader.uuid()
        workspaceID = try reader.uuid()
        familyID = try reader.uuid()
        name = try reader.text()
        prefix = try reader.text()
        isTest = try reader.bool()
        creditLimit = try reader.optionalCredits()
        createdBy = try reader.optionalUUID()
        createdAt = try reader.time()
        expiresAt = try reader.optionalTime()
        lastUsedAt = try reader.optionalTime()
        revokedAt = try reader.optionalTime()
    }

    private static let columns = """
        id, workspace_id, family_id, name, key_prefix, is_test, credit_limit, created_by, \
        created_at, expires_at, last_used_at, revoked_at
        """

    /// How long before its end a key's workspace is told of it.
    package static let noticeSeconds: Int64 = 7 * 86_400

    /// Revoked beats expired: who revoked a key finds it as such for ever.
    package func state(at now: Timestamp) -> APIKeyState {
        if revokedAt != nil { return .revoked }
        if let expiresAt, now >= expiresAt { return .expired }
        return .live
    }

    package static func find(
        _ id: UUID, of workspace: UUID, in connection: any DatabaseConnection
    ) throws -> APIKeyRow? {
        try connection.queryOne(
            "SELECT \(columns) FROM workspace_api_keys WHERE id = ? AND workspace_id = ?",
            [.uuid(id), .uuid(workspace)]
        ).map(APIKeyRow.init)
    }

    /// The key that the others of its family were rotated to: no rotation has changed its end.
    package static func newest(
        ofFamily family: UUID, of workspace: UUID, in connection: any DatabaseConnection
    ) throws -> APIKeyRow? {
        try connection.queryOne(
            """
            SELECT \(columns) FROM workspace_api_keys WHERE workspace_id = ? AND family_id = ?
            ORDER BY created_at DESC, id DESC LIMIT 1
            """, [.uuid(workspace), .uuid(family)]
        ).map(APIKeyRow.init)
    }

    /// The newest first.
    ///
    /// - Parameter id: of the last key of the page before.
    package static func page(
        of workspace: UUID, before id: UUID?, limit: Int64, in connection: any DatabaseConnection
    ) throws -> [APIKeyRow] {
        try connection.query(
            """
            SELECT \(columns) FROM workspace_api_keys
            WHERE workspace_id = ? \(id == nil ? "" : "AND id < ?") ORDER BY id DESC LIMIT ?
            """, [.uuid(workspace)] + (id.map { [.uuid($0)] } ?? []) + [.integer(limit)]
        ).map(APIKeyRow.init)
    }

    /// All that a user has made, the oldest first.
    package static func made(
        by user: UUID, in connection: any DatabaseConnection
    ) throws -> [APIKeyRow] {
        try connection.query(
            "SELECT \(columns) FROM workspace_api_keys WHERE created_by = ? ORDER BY id",
            [.uuid(user)]
        ).map(APIKeyRow.init)
    }

    /// Keys whose end is near and was not mailed of, the nearest first.
    package static func toExpire(
        limit: Int64, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> [APIKeyRow] {
        try connection.query(
            """
            SELECT \(columns) FROM workspace_api_keys
            WHERE expiry_told_at IS NULL AND revoked_at IS NULL AND expires_at > ?
                AND expires_at <= ?
            ORDER BY expires_at LIMIT ?
            """,
            [.time(now), .time(now.adding(seconds: noticeSeconds)), .integer(limit)]
        ).map(APIKeyRow.init)
    }

    /// All of a workspace that are live, the oldest first.
    static func allLive(
        of workspace: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> [APIKeyRow] {
        try connection.query(
            """
            SELECT \(columns) FROM workspace_api_keys
            WHERE workspace_id = ? AND revoked_at IS NULL
                AND (expires_at IS NULL OR expires_at > ?)
            ORDER BY id
            """, [.uuid(workspace), .time(now)]
        ).map(APIKeyRow.init)
    }

    /// How many of a workspace's keys are live. The workspace's row is to be locked.
    package static func live(
        of workspace: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Int64 {
        let row = try connection.queryOne(
            """
            SELECT count(*) FROM workspace_api_keys
            WHERE workspace_id = ? AND revoked_at IS NULL
                AND (expires_at IS NULL OR expires_at > ?)
            """, [.uuid(workspace), .time(now)])
        guard var reader = row?.reader else { return 0 }
        return try reader.count()
    }
}
