import CareerDomain
import FoundationEssentials
import HTTPEndpoint
import JSON
import JWTKit

/// Says who is behind an access token. It judges signature, `exp` and `type` by the decisions'
/// clock; whether the user is still there and active is ``CurrentActiveUser``'s question.
///
/// Tokens that were found good are kept, so that a signature is checked once and not on each of a
/// tool server's calls; `exp` is judged each time.
final class TokenVerifier: Sendable {
    /// Tokens in each of the cache's two generations; about 600 bytes each.
    static let cachedTokens = 8192

    private struct Verified: Sendable {
        let caller: Caller
        let expiresAt: Timestamp
    }

    private let algorithm: any JWTAlgorithm
    private let external: ExternalIssuer?
    private let clock: DecisionClock
    private let cache = GenerationCache<String, Verified>(limit: cachedTokens)

    init(accessTokens: AccessTokens, external: ExternalIssuer?, clock: DecisionClock) {
        algorithm = accessTokens.algorithm
        self.external = external
        self.clock = clock
    }

    /// - Throws: ``Problem`` 401 `invalid_token`; what the database throws where the user of
    ///   another issuer is seen for the first time.
    func verify(_ token: String) async throws -> Caller {
        if let known = cache.value(for: token) {
            guard clock.now() < known.expiresAt else {
                cache.remove(token)
                throw Problem.invalidToken
            }
            return known.caller
        }
        guard let jwt = CompactJWT(token), jwt.isCurrent(at: clock.now()),
            let expiresAt = jwt.time("exp")
        else { throw Problem.invalidToken }
        let caller: Caller
        if jwt.algorithm == "HS256" {
            caller = try own(jwt)
        } else {
            guard let external else { throw Problem.invalidToken }
            caller = try await external.caller(of: jwt)
        }
        cache.insert(Verified(caller: caller, expiresAt: expiresAt), for: token)
        return caller
    }

    /// A token that we signed.
    private func own(_ jwt: CompactJWT) throws -> Caller {
        guard isSigned(jwt), jwt.claims["type"]?.string == AccessTokens.type,
            let userID = uuid(jwt.claims["sub"])
        else { throw Problem.invalidToken }
        // Ours name their session; those that somebody else signs with our secret name none, or
        // one of their own that is no session here.
        return Caller(userID: userID, sessionID: uuid(jwt.claims["sid"]))
    }

    private func isSigned(_ jwt: CompactJWT) -> Bool {
        do {
            return try algorithm.verify(jwt.signature, signs: jwt.signedBytes)
        } catch {
            return false
        }
    }

    private func uuid(_ claim: JSONValue?) -> UUID? {
        guard let text = claim?.string, text.utf8.count == 36 else { return nil }
        return UUID(uuidString: text)
    }
}
