import CareerDomain
import Database
import FoundationEssentials
import HTTPEndpoint

struct RefreshToken: Action {
    let identity: IdentityServices

    static let about = About(
        "Change a refresh token for new tokens",
        details: """
            Each refresh token is good once. One that comes again was stolen from somebody: its \
            whole session is ended.
            """,
        access: .open, refusals: [.invalidRefreshToken, .accountDeactivated])

    func read(_ input: inout InputReader) -> RefreshTokenRequest {
        input.body(RefreshTokenRequest.self)
    }

    func perform(
        _ request: RefreshTokenRequest, _ call: Call
    ) async throws -> Reply<TokenResponse> {
        let now = identity.clock.now()
        let next = RefreshTokens.make()
        let verdict = try await identity.database.write {
            try rotate(request.refreshToken, to: next, in: $0, now: now)
        }
        let (user, sessionID) = try verdict.get()
        return Reply(
            try await identity.tokens(for: user, sessionID: sessionID, refreshToken: next))
    }

    /// The refusal is a value: what it brings about must be committed.
    private func rotate(
        _ token: String, to next: String, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Result<(UserRow, UUID), Problem> {
        let hash = SQLValue.blob(RefreshTokens.hash(token))
        let row = try connection.queryOne(
            """
            SELECT t.session_id, t.expires_at, t.used_at, s.user_id, s.remember_me, s.revoked_at
            FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id
            WHERE t.token_hash = ?
            """ + connection.dialect.lockRows, [hash])
        guard var reader = row?.reader else { return .failure(.invalidRefreshToken) }
        let sessionID = try reader.uuid()
        let expiresAt = try reader.time()
        let usedAt = try reader.optionalTime()
        let userID = try reader.uuid()
        let isRemembered = try reader.bool()
        let revokedAt = try reader.optionalTime()
        if usedAt != nil {
            _ = try Sessions.revoke(sessionID, of: userID, in: connection, now: now)
            return .failure(.invalidRefreshToken)
        }
        guard revokedAt == nil, now < expiresAt,
            let user = try UserRow.find(id: userID, in: connection)
        else { return .failure(.invalidRefreshToken) }
        guard user.isActive else { return .failure(.accountDeactivated) }
        let marked = try connection.execute(
            "UPDATE refresh_tokens SET used_at = ? WHERE token_hash = ? AND used_at IS NULL",
            [.time(now), hash])
        guard marked == 1 else { return .failure(.invalidRefreshToken) }
        let expiry = NewSession.expiry(isRemembered: isRemembered, now: now)
        try RefreshTokens.insert(
            next, sessionID: sessionID, expiresAt: expiry, in: connection, now: now)
        try connection.execute(
            "UPDATE sessions SET expires_at = ? WHERE id = ?",
            [.time(expiry), .uuid(sessionID)])
        return .success((user, sessionID))
    }
}

struct RefreshTokenRequest: JSONInput {
    let refreshToken: String

    static let about = "A refresh token."

    init(_ reader: inout ObjectReader) {
        refreshToken = reader.required("refresh_token", .text(1...512), "The latest one.")
    }
}
