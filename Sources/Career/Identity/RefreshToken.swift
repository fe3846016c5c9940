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
        let hash = RefreshTokens.hash(token)
        // The user first: what is read of the token after that is no longer about to change.
        guard let owner = try Self.owner(of: hash, in: connection),
            let user = try UserRow.findLocked(id: owner, in: connection),
            let shown = try Self.find(hash, in: connection)
        else { return .failure(.invalidRefreshToken) }
        if shown.isUsed {
            _ = try Sessions.revoke(shown.sessionID, of: user.id, in: connection, now: now)
            return .failure(.invalidRefreshToken)
        }
        guard !shown.isRevoked, now < shown.expiresAt else {
            return .failure(.invalidRefreshToken)
        }
        guard user.isActive else { return .failure(.accountDeactivated) }
        try connection.execute(
            "UPDATE refresh_tokens SET used_at = ? WHERE token_hash = ?",
            [.time(now), .blob(hash)])
        let expiry = NewSession.expiry(isRemembered: shown.isRemembered, now: now)
        try RefreshTokens.insert(
            next, sessionID: shown.sessionID, expiresAt: expiry, in: connection, now: now)
        try connection.execute(
            "UPDATE sessions SET expires_at = ? WHERE id = ?",
            [.time(expiry), .uuid(shown.sessionID)])
        return .success((user, shown.sessionID))
    }

    private static func owner(
        of hash: [UInt8], in connection: any DatabaseConnection
    ) throws -> UUID? {
        let row = try connection.queryOne(
            """
            SELECT s.user_id FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id
            WHERE t.token_hash = ?
            """, [.blob(hash)])
        guard var reader = row?.reader else { return nil }
        return try reader.uuid()
    }

    private struct Shown {
        let sessionID: UUID
        let expiresAt: Timestamp
        let isUsed: Bool
        let isRemembered: Bool
        let isRevoked: Bool
    }

    private static func find(
        _ hash: [UInt8], in connection: any DatabaseConnection
    ) throws -> Shown? {
        let row = try connection.queryOne(
            """
            SELECT t.session_id, t.expires_at, t.used_at, s.remember_me, s.revoked_at
            FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id
            WHERE t.token_hash = ?
            """, [.blob(hash)])
        guard var reader = row?.reader else { return nil }
        return try Shown(
            sessionID: reader.uuid(), expiresAt: reader.time(),
            isUsed: reader.optionalTime() != nil, isRemembered: reader.bool(),
            isRevoked: reader.optionalTime() != nil)
    }
}

struct RefreshTokenRequest: JSONInput {
    let refreshToken: String

    static let about = "A refresh token."

    init(_ reader: inout ObjectReader) {
        refreshToken = reader.required("refresh_token", .text(1...512), "The latest one.")
    }
}
