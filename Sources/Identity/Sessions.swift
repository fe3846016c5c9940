import Crypto
import Database
import FoundationEssentials
import HTTPEndpoint
import Users
import Values

/// A sign-in that is about to be kept: the session and its first refresh token.
///
/// A session's first refresh token is 32 random bytes, each next one is derived from the one
/// before; only its SHA-256 is stored. It is good for one use, within
/// 7 days, or 30 with `remember_me`; each use starts that time anew, so a session lasts as long as
/// it is used.
package struct NewSession: Sendable {
    static let days: Int64 = 7
    package static let rememberedDays: Int64 = 30
    /// A user's oldest sessions beyond these are signed out.
    static let maximumPerUser = 100

    let id: UUID
    let refreshToken: String
    /// What a browser's cookie holds, in place of a refresh token; only its hash is stored.
    private let pageSecret: String?
    private let deviceInfo: String
    private let isRemembered: Bool
    private let createdAt: Timestamp

    /// - Parameter pageSecret: of a browser's session; `nil` for one with refresh tokens.
    init(on call: Call, isRemembered: Bool, now: Timestamp, pageSecret: String? = nil) {
        self.pageSecret = pageSecret
        id = .version7(at: now, randomness: .random(in: .min ... .max))
        refreshToken = RefreshTokens.make()
        deviceInfo = Self.deviceInfo(call.headers[.userAgent])
        self.isRemembered = isRemembered
        createdAt = now
    }

    func insert(for userID: UUID, in connection: any DatabaseConnection) throws {
        let expiresAt = Self.expiry(isRemembered: isRemembered, now: createdAt)
        try connection.execute(
            """
            INSERT INTO sessions (id, user_id, device_info, remember_me, created_at, expires_at,
                page_hash)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .uuid(id), .uuid(userID), .text(deviceInfo), .bool(isRemembered),
                .time(createdAt), .time(expiresAt),
                pageSecret.map { .blob(PageSessions.hash($0)) } ?? .null,
            ])
        if pageSecret == nil {
            try RefreshTokens.insert(
                refreshToken, sessionID: id, expiresAt: expiresAt, in: connection, now: createdAt)
        }
        try connection.execute(
            """
            UPDATE sessions SET revoked_at = ?
            WHERE user_id = ? AND revoked_at IS NULL AND id NOT IN (
                SELECT id FROM sessions WHERE user_id = ? AND revoked_at IS NULL
                ORDER BY id DESC LIMIT \(Self.maximumPerUser))
            """, [.time(createdAt), .uuid(userID), .uuid(userID)])
    }

    static func expiry(isRemembered: Bool, now: Timestamp) -> Timestamp {
        now.adding(seconds: (isRemembered ? rememberedDays : days) * 86_400)
    }

    /// What the client says of itself, fit to be shown.
    private static func deviceInfo(_ userAgent: String?) -> String {
        let visible = (userAgent ?? "").unicodeScalars.filter {
            $0.properties.generalCategory != .control && $0 != "\u{FFFD}"
        }
        let text = String(String.UnicodeScalarView(visible.prefix(200)))
        return text.isEmpty ? "unknown device" : text
    }
}

/// The sessions that are there.
package enum Sessions {
    /// - Returns: whether there was such a session of this user.
    static func revoke(
        _ id: UUID, of userID: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Bool {
        try connection.execute(
            """
            UPDATE sessions SET revoked_at = ?
            WHERE id = ? AND user_id = ? AND revoked_at IS NULL AND expires_at > ?
            """, [.time(now), .uuid(id), .uuid(userID), .time(now)]) == 1
    }

    /// - Parameter kept: the session that goes on, if any.
    package static func revokeAll(
        of userID: UUID, except kept: UUID? = nil, in connection: any DatabaseConnection,
        now: Timestamp
    ) throws {
        var condition = "user_id = ? AND revoked_at IS NULL"
        var arguments: [SQLValue] = [.time(now), .uuid(userID)]
        if let kept {
            condition += " AND id <> ?"
            arguments.append(.uuid(kept))
        }
        try connection.execute("UPDATE sessions SET revoked_at = ? WHERE \(condition)", arguments)
    }
}

/// Makes refresh tokens and keeps their hashes.
struct RefreshTokens: Sendable {
    private let secrets: TokenHashSecrets

    init(secrets: TokenHashSecrets) {
        self.secrets = secrets
    }

    static func make() -> String {
        var generator = SystemRandomNumberGenerator()
        return Base64URL.encode((0..<32).map { _ in .random(in: .min ... .max, using: &generator) })
    }

    /// The token that takes this one's place for whoever shows it with this `User-Agent`. It can be
    /// made again out of the token and the secret alone, so that whoever has lost the answer is
    /// told the same.
    func successor(of token: String, userAgent: String?) -> String {
        Base64URL.encode(secrets.hash(.successor, token, userAgent ?? ""))
    }

    /// The same under each of the secrets: one may have begun to write just now.
    func possibleSuccessors(of token: String, userAgent: String?) -> [String] {
        secrets.hashes(.successor, token, userAgent ?? "").map { Base64URL.encode($0) }
    }

    static func hash(_ token: String) -> [UInt8] { Array(SHA256.hash(data: Array(token.utf8))) }

    static func insert(
        _ token: String, sessionID: UUID, expiresAt: Timestamp,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try connection.execute(
            """
            INSERT INTO refresh_tokens (token_hash, session_id, created_at, expires_at)
            VALUES (?, ?, ?, ?)
            """, [.blob(hash(token)), .uuid(sessionID), .time(now), .time(expiresAt)])
    }

    /// Whether this is a token of the session.
    static func isThere(
        _ token: String, of sessionID: UUID, in connection: any DatabaseConnection
    ) throws -> Bool {
        try connection.queryOne(
            "SELECT 1 FROM refresh_tokens WHERE token_hash = ? AND session_id = ?",
            [.blob(hash(token)), .uuid(sessionID)]) != nil
    }
}
