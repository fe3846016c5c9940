import Crypto
import FoundationEssentials
import HTTPEndpoint
import JSON
import Tokens
import Values

/// Why an access token is refused: for the log. Whoever shows it is told `invalid_token` alone.
enum TokenRefusal: String, Error {
    case malformed = "it is no JWT in compact form, or longer than 16 KiB"
    case notCurrent = "it has expired, is not good yet, or has no exp"
    case fromTheFuture = "it was issued in the future"
    case badSignature = "its signature is not its key's"
    case otherKind = "it is no access token of a user"
    case noProvider = "its algorithm is not ours, and there is no AUTH_JWKS"
    case algorithm = "its algorithm is none of RS256, ES256, EdDSA and Ed25519"
    case issuer = "its iss is not AUTH_ISSUER"
    case audience = "neither its aud nor its AUTH_AUDIENCE_CLAIM is an AUTH_AUDIENCE"
    case subject = "its sub is missing, empty or too long"
    case unknownKey = "the provider has no such key, or several and the token names none"
    case deletedAccount = "it is from before its account's deletion, or has no iat to tell"
}

/// Says who is behind an access token. It judges signature, `exp` and `type` by the decisions'
/// clock; whether the user is still there and active is ``CurrentActiveUser``'s question.
///
/// Tokens that were found good are kept, so that a signature is checked once and not on each of a
/// tool server's calls; `exp` is judged each time.
final class TokenVerifier: Sendable {
    /// Tokens in each of the cache's two generations; about 600 bytes each.
    static let cachedTokens = 8192
    /// Longer tokens are kept by their hash, so that 16 KiB each do not fill the memory.
    static let maximumKeptBytes = 1024
    /// Seconds that another provider's clock may differ from ours.
    static let leewaySeconds: Int64 = 60

    private enum CacheKey: Hashable, Sendable {
        case token(String)
        case hash(SHA256Digest)

        init(_ token: String) {
            self =
                token.utf8.count <= maximumKeptBytes
                ? .token(token) : .hash(SHA256.hash(data: Array(token.utf8)))
        }
    }

    private struct Verified: Sendable {
        let caller: Caller
        let expiresAt: Timestamp
    }

    private let ownKey: SignatureKey
    private let external: ExternalIssuer?
    private let clock: DecisionClock
    private let cache = GenerationCache<CacheKey, Verified>(limit: cachedTokens)

    init(accessTokens: AccessTokens, external: ExternalIssuer?, clock: DecisionClock) {
        ownKey = accessTokens.key
        self.external = external
        self.clock = clock
    }

    /// - Throws: ``TokenRefusal``; ``Problem`` 503 where another provider cannot be asked for its
    ///   key; what the database throws where its user is seen for the first time.
    func verify(_ token: String) async throws -> Caller {
        let key = CacheKey(token)
        if let known = cache.value(for: key) {
            guard clock.now() < known.expiresAt else {
                cache.remove(key)
                throw TokenRefusal.notCurrent
            }
            return known.caller
        }
        guard let jwt = CompactJWT(token) else { throw TokenRefusal.malformed }
        let isOurs = jwt.algorithm == "HS256"
        // Our own tokens are judged by the clock that they were made by.
        let leeway = isOurs ? 0 : Self.leewaySeconds
        guard jwt.isCurrent(at: clock.now(), leeway: leeway), let expiresAt = jwt.time("exp")
        else { throw TokenRefusal.notCurrent }
        let caller: Caller
        if isOurs {
            caller = try own(jwt)
        } else {
            guard let external else { throw TokenRefusal.noProvider }
            caller = try await external.caller(of: jwt)
        }
        cache.insert(
            Verified(caller: caller, expiresAt: expiresAt.adding(seconds: leeway)), for: key)
        return caller
    }

    /// A token that we signed.
    private func own(_ jwt: CompactJWT) throws -> Caller {
        guard ownKey.isValid(jwt.signature, for: jwt.signedBytes) else {
            throw TokenRefusal.badSignature
        }
        guard jwt.claims["type"]?.string == AccessTokens.type,
            let userID = uuid(jwt.claims["sub"])
        else { throw TokenRefusal.otherKind }
        // Ours name their session; those that somebody else signs with our secret name none, or
        // one of their own that is no session here.
        return Caller(userID: userID, sessionID: uuid(jwt.claims["sid"]))
    }

    private func uuid(_ claim: JSONValue?) -> UUID? {
        guard let text = claim?.string, text.utf8.count == 36 else { return nil }
        return UUID(uuidString: text)
    }
}
