import FoundationEssentials
import JWTKit
import Values

/// Makes access tokens: JWTs signed with HS256 under `JWT_SECRET`, good for 15 minutes.
package struct AccessTokens: Sendable {
    package static let lifetimeSeconds: Int64 = 900
    package static let type = "access"

    private let keys: JWTKeyCollection
    /// The same key, for whoever checks signatures.
    package let algorithm: any JWTAlgorithm

    package init(secret: String) async throws {
        keys = await JWTKeyCollection()
            .add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
        algorithm = try await keys.getKey()
    }

    package func issue(
        userID: UUID, email: String?, sessionID: UUID, now: Timestamp
    ) async throws -> String {
        try await keys.sign(
            Claims(
                sub: userID.text, email: email ?? "", type: Self.type, iat: now.seconds,
                exp: now.seconds + Self.lifetimeSeconds,
                jti: UUID.version7(at: now, randomness: .random(in: .min ... .max)).text,
                sid: sessionID.text))
    }

    private struct Claims: JWTPayload {
        let sub: String
        let email: String
        let type: String
        /// Seconds since 1970.
        let iat: Int64
        let exp: Int64
        let jti: String
        /// The session that the token belongs to.
        let sid: String

        /// Claims are judged by ``TokenVerifier``, whose clock is the decisions'.
        func verify(using algorithm: some JWTAlgorithm) async throws {}
    }
}
