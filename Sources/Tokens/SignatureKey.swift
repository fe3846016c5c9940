import Crypto
import CryptoExtras
import FoundationEssentials

/// A key that JSON Web Signatures are checked with, and the one algorithm that it is used with: a
/// token that names another algorithm never meets the key (RFC 8725 §3.1).
package enum SignatureKey: Sendable {
    /// HMAC with SHA-256 (RFC 7518 §3.2): whoever checks can also sign.
    case hs256(SymmetricKey)
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3), of 2048 bits or more.
    case rs256(_RSA.Signing.PublicKey)
    /// ECDSA with P-256 and SHA-256 (RFC 7518 §3.4).
    case es256(P256.Signing.PublicKey)
    /// Ed25519 (RFC 8037 §3.1).
    case ed25519(Curve25519.Signing.PublicKey)

    /// - Parameters:
    ///   - signature: the bytes that the token's third part encodes.
    ///   - bytes: the token's first two parts and the point between them.
    /// - Returns: `false` for a signature of another length, too.
    package func isValid(_ signature: [UInt8], for bytes: [UInt8]) -> Bool {
        switch self {
        case .hs256(let key):
            return HMAC<SHA256>.isValidAuthenticationCode(
                signature, authenticating: bytes, using: key)
        case .rs256(let key):
            return key.isValidSignature(
                _RSA.Signing.RSASignature(rawRepresentation: signature),
                for: SHA256.hash(data: bytes), padding: .insecurePKCS1v1_5)
        case .es256(let key):
            do {
                let signature = try P256.Signing.ECDSASignature(rawRepresentation: signature)
                return key.isValidSignature(signature, for: bytes)
            } catch {
                return false
            }
        case .ed25519(let key):
            return key.isValidSignature(signature, for: bytes)
        }
    }
}
