import Crypto
import FoundationEssentials

/// The keys of keyed hashes and of sealed codes, out of `TOKEN_HASH_SECRETS`. They are in no
/// database, so that who has a copy of one cannot try the few values that a code has, or the
/// addresses that they know, against its hashes.
///
/// The first secret writes; all are read, so that secrets can rotate. Each purpose has a key of its
/// own (HKDF, RFC 5869).
package struct TokenHashSecrets: Sendable {
    package enum Purpose: String, Sendable {
        /// Hashes of mailed codes.
        case code
        /// The subjects of throttles.
        case throttle
        /// Addresses of deleted accounts.
        case formerAccount = "former account"
        /// The refresh token that takes another's place.
        case successor
        /// Tokens of forms, and what they do.
        case form
        /// What finds the session that a form begins.
        case pageSession = "page session"
        /// Where forms led, which may be an address with a secret in it.
        case formOutcome = "form outcome"
        /// Codes in mails that wait.
        case mailedCode = "mailed code"
        /// What an operator's authenticator makes codes of.
        case authenticator
        /// Hashes of operators' recovery codes.
        case recoveryCode = "recovery code"
        /// Hashes of invitations' tokens.
        case invitation
        /// Hashes of the API product's keys.
        case apiKey = "api key"
    }

    /// What was sealed cannot be opened: the secret it was sealed under is in the list no more.
    struct Unopenable: Error, CustomStringConvertible {
        let purpose: Purpose
        var description: String {
            "the \(purpose.rawValue) was sealed under a secret that is no longer in the settings"
        }
    }

    private let writing: SymmetricKey
    private let all: [SymmetricKey]

    /// - Parameter secrets: one at least; the first writes.
    package init(_ secrets: [String]) {
        precondition(!secrets.isEmpty, "settings without TOKEN_HASH_SECRETS are refused")
        all = secrets.map { SymmetricKey(data: Array($0.utf8)) }
        writing = all[0]
    }

    /// HMAC-SHA256 of the parts under the secret that writes.
    package func hash(_ purpose: Purpose, _ parts: String...) -> [UInt8] {
        keyedHash(key(purpose, writing), parts)
    }

    /// The same under each of the secrets, that of the one that writes first.
    package func hashes(_ purpose: Purpose, _ parts: String...) -> [[UInt8]] {
        all.map { keyedHash(key(purpose, $0), parts) }
    }

    /// Encrypts a code with AES-GCM (NIST SP 800-38D), bound to what it belongs to.
    package func seal(_ code: String, for owner: String) throws -> [UInt8] {
        try seal(Array(code.utf8), as: .mailedCode, for: owner)
    }

    /// - Throws: ``Unopenable`` if none of the secrets fits, or the code belongs to another.
    package func open(_ sealed: [UInt8], for owner: String) throws -> String {
        String(decoding: try open(sealed, as: .mailedCode, for: owner), as: UTF8.self)
    }

    /// Encrypts bytes with AES-GCM, bound to what they belong to.
    package func seal(_ bytes: [UInt8], as purpose: Purpose, for owner: String) throws -> [UInt8] {
        let box = try AES.GCM.seal(
            bytes, using: key(purpose, writing), authenticating: Array(owner.utf8))
        // A nonce of the standard length has a combined form.
        return box.combined.map { Array($0) } ?? []
    }

    /// - Throws: ``Unopenable`` if none of the secrets fits, or the bytes belong to another.
    package func open(
        _ sealed: [UInt8], as purpose: Purpose, for owner: String
    ) throws -> [UInt8] {
        for secret in all {
            do {
                let bytes = try AES.GCM.open(
                    AES.GCM.SealedBox(combined: sealed), using: key(purpose, secret),
                    authenticating: Array(owner.utf8))
                return Array(bytes)
            } catch {
                continue
            }
        }
        throw Unopenable(purpose: purpose)
    }

    private func key(_ purpose: Purpose, _ secret: SymmetricKey) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(
            inputKeyMaterial: secret, info: Array("cuebx \(purpose.rawValue)".utf8),
            outputByteCount: 32)
    }
}

/// HMAC-SHA256 of the parts.
func keyedHash(_ key: SymmetricKey, _ parts: [String]) -> [UInt8] {
    var code = HMAC<SHA256>(key: key)
    for part in parts {
        // Each part is preceded by its length, so that no two lists of parts read the same.
        withUnsafeBytes(of: UInt64(part.utf8.count).bigEndian) { code.update(data: $0) }
        code.update(data: Array(part.utf8))
    }
    return Array(code.finalize())
}

/// Compares without telling by its time where the two differ.
package func equalInConstantTime(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    var difference: UInt8 = 0
    for (one, other) in zip(left, right) { difference |= one ^ other }
    return difference == 0
}
