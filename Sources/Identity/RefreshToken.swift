import Database
import FoundationEssentials
import HTTPEndpoint
import Users
import Values

struct RefreshToken: Action {
    let identity: IdentityServices

    /// How long a used token is answered with its successor once more.
    static let overlapSeconds: Int64 = 10

    static let about = About(
        "Change a refresh token for new tokens",
        details: """
            Each refresh token is good once. Within 10 seconds the same token from the same \
            `User-Agent` is answered with the same new refresh token: two tabs, or a lost answer. \
            One that comes again otherwise was stolen from somebody: its whole session is ended.
            """,
        access: .open, refusals: [.invalidRefreshToken, .accountDeactivated])

    func read(_ input: inout InputReader) -> RefreshTokenRequest {
        input.body(RefreshTokenRequest.self)
    }

    func perform(
        _ request: RefreshTokenRequest, _ call: Call
    ) async throws -> Reply<TokenResponse> {
        let now = identity.clock.now()
        let userAgent = call.headers[.userAgent]
        let verdict = try await identity.database.write {
            try rotate(request.refreshToken, userAgent, in: $0, now: now)
        }
        let rotated = try verdict.get()
        return Reply(
            identity.tokens(
                for: rotated.user, sessionID: rotated.sessionID, refreshToken: rotated.token))
    }

    private struct Rotated {
        let user: UserRow
        let sessionID: UUID
        let token: String
    }

    /// The refusal is a value: what it brings about must be committed.
    private func rotate(
        _ token: String, _ userAgent: String?, in connection: any DatabaseConnection,
        now: Timestamp
    ) throws -> Result<Rotated, Problem> {
        let hash = RefreshTokens.hash(token)
        // The user first: what is read of the token after that is no longer about to change.
        guard let owner = try Self.owner(of: hash, in: connection),
            let user = try UserRow.findLocked(id: owner, in: connection),
            let shown = try Self.find(hash, in: connection)
        else { return .failure(.invalidRefreshToken) }
        if let usedAt = shown.usedAt {
            guard !shown.isRevoked, now < usedAt.adding(seconds: Self.overlapSeconds),
                let successor = try successor(of: token, userAgent, shown, in: connection)
            else {
                _ = try Sessions.revoke(shown.sessionID, of: user.id, in: connection, now: now)
                return .failure(.invalidRefreshToken)
            }
            guard user.isActive else { return .failure(.accountDeactivated) }
            return .success(Rotated(user: user, sessionID: shown.sessionID, token: successor))
        }
        guard !shown.isRevoked, now < shown.expiresAt else {
            return .failure(.invalidRefreshToken)
        }
        guard user.isActive else { return .failure(.accountDeactivated) }
        let next = identity.refreshTokens.successor(of: token, userAgent: userAgent)
        try connection.execute(
            "UPDATE refresh_tokens SET used_at = ? WHERE token_hash = ?",
            [.time(now), .blob(hash)])
        let expiry = NewSession.expiry(isRemembered: shown.isRemembered, now: now)
        try RefreshTokens.insert(
            next, sessionID: shown.sessionID, expiresAt: expiry, in: connection, now: now)
        try connection.execute(
            "UPDATE sessions SET expires_at = ? WHERE id = ?",
            [.time(expiry), .uuid(shown.sessionID)])
        return .success(Rotated(user: user, sessionID: shown.sessionID, token: next))
    }

    /// - Returns: what the used token was changed for; `nil` where another `User-Agent` did that.
    private func successor(
        of token: String, _ userAgent: String?, _ shown: Shown,
        in connection: any DatabaseConnection
    ) throws -> String? {
        let possible = identity.refreshTokens.possibleSuccessors(of: token, userAgent: userAgent)
        return try possible.first {
            try RefreshTokens.isThere($0, of: shown.sessionID, in: connection)
        }
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
        let usedAt: Timestamp?
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
            usedAt: reader.optionalTime(), isRemembered: reader.bool(),
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
