import Crypto
import CryptoExtras
import Testing
import Tokens

@Suite("A signature is good under its own key, over its own bytes, and nowhere else")
struct SignatureKeyTests {
    private struct Signer {
        let key: SignatureKey
        let signature: [UInt8]
    }

    private static let bytes = Array("header.claims".utf8)

    private static func signers() throws -> [Signer] {
        let secret = SymmetricKey(size: .bits256)
        let rsa = try _RSA.Signing.PrivateKey(keySize: .bits2048)
        let (p256, ed25519) = (P256.Signing.PrivateKey(), Curve25519.Signing.PrivateKey())
        let digest = SHA256.hash(data: bytes)
        return [
            Signer(
                key: .hs256(secret),
                signature: Array(HMAC<SHA256>.authenticationCode(for: bytes, using: secret))),
            Signer(
                key: .rs256(rsa.publicKey),
                signature: Array(
                    try rsa.signature(for: digest, padding: .insecurePKCS1v1_5).rawRepresentation)),
            Signer(
                key: .es256(p256.publicKey),
                signature: Array(try p256.signature(for: bytes).rawRepresentation)),
            Signer(
                key: .ed25519(ed25519.publicKey),
                signature: Array(try ed25519.signature(for: bytes))),
        ]
    }

    @Test("Whatever else is shown is refused, of every length, without an error")
    func judged() throws {
        let (signers, others) = (try Self.signers(), try Self.signers())
        for (signer, other) in zip(signers, others) {
            let (key, signature) = (signer.key, signer.signature)
            #expect(key.isValid(signature, for: Self.bytes))
            #expect(!key.isValid(signature, for: Self.bytes + [0]))
            #expect(!other.key.isValid(signature, for: Self.bytes))
            for length in [0, 1, signature.count - 1] {
                #expect(!key.isValid(Array(signature.prefix(length)), for: Self.bytes))
            }
            #expect(!key.isValid(signature + [0], for: Self.bytes))
            for index in signature.indices.shuffled().prefix(16) {
                var changed = signature
                changed[index] ^= 1
                #expect(!key.isValid(changed, for: Self.bytes))
            }
            for foreign in signers where foreign.signature != signature {
                #expect(!key.isValid(foreign.signature, for: Self.bytes))
            }
        }
    }
}
