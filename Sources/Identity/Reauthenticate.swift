import Database
import HTTPEndpoint
import Tokens
import Users
import Values

extension IdentityServices {
    /// How long ago another issuer may have seen its user prove who they are, in seconds.
    static let freshness: Int64 = 600

    /// Has a caller prove anew who they are, for what a token alone does not allow: tool servers
    /// hold their users' tokens.
    ///
    /// - Parameter password: the user's; with another issuer the token's `auth_time` takes its
    ///   place.
    /// - Throws: ``Problem`` 403 if nothing proves it, 400 for a wrong password, 429 after too many
    ///   of these.
    package func reauthenticate(_ call: Call, password: String?) async throws {
        let caller = try call.user()
        let now = clock.now()
        let found = try await database.read { try UserRow.find(id: caller.userID, in: $0) }
        guard let user = found else { throw Problem.unauthorized }
        guard let emailKey = user.emailKey, let hash = user.passwordHash else {
            let latest = now.adding(seconds: TokenVerifier.leewaySeconds)
            guard let at = caller.authenticatedAt, at <= latest,
                now < at.adding(seconds: Self.freshness)
            else { throw Problem.reauthenticationRequired }
            return
        }
        guard let password else { throw Problem.reauthenticationRequired }
        let buckets = throttle.password(of: emailKey, from: call.remoteAddress)
        let refusal = try await database.read { [throttle] in
            try throttle.refusal(buckets, in: $0, now: now)
        }
        if let refusal { throw refusal }
        let isRight = try await passwords.matches(
            password, hash, for: .proven(network: call.network))
        let refused = try await database.write { [throttle] connection -> Problem? in
            // Counted before it is known to be right, as everywhere.
            if let refusal = try throttle.begin(buckets, in: connection, now: now) {
                return refusal
            }
            guard isRight else { return .wrongPassword }
            try throttle.forgive(buckets, in: connection)
            return nil
        }
        if let refused { throw refused }
    }
}
