import Crypto
import FoundationEssentials
import JSON
import Values

/// Makes access tokens: JWTs signed with HS256 under `JWT_SECRET`, good for 15 minutes.
package struct AccessTokens: Sendable {
    package static let lifetimeSeconds: Int64 = 900
    package static let type = "access"

    private static let header = Base64URL.encode(Array(#"{"alg":"HS256","typ":"JWT"}"#.utf8))
    private let secret: SymmetricKey
    /// The same key, for whoever checks signatures.
    package var key: SignatureKey { .hs256(secret) }

    package init(secret: String) {
        self.secret = SymmetricKey(data: Array(secret.utf8))
    }

    /// Claims are judged by `TokenVerifier`, whose clock is the decisions'.
    package func issue(
        userID: UUID, email: String?, sessionID: UUID, now: Timestamp
    ) -> String {
        let id = UUID.version7(at: now, randomness: .random(in: .min ... .max))
        let claims = JSONObject([
            (key: "sub", value: .string(userID.text)),
            (key: "email", value: .string(email ?? "")),
            (key: "type", value: .string(Self.type)),
            // Seconds since 1970.
            (key: "iat", value: .int(now.seconds)),
            (key: "exp", value: .int(now.seconds + Self.lifetimeSeconds)),
            (key: "jti", value: .string(id.text)),
            // The session that the token belongs to.
            (key: "sid", value: .string(sessionID.text)),
        ])
        let payload = Base64URL.encode(Array(JSONValue.object(claims).compactText.utf8))
        let signed = "\(Self.header).\(payload)"
        let code = HMAC<SHA256>.authenticationCode(for: Array(signed.utf8), using: secret)
        return "\(signed).\(Base64URL.encode(Array(code)))"
    }
}
