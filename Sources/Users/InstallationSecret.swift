import Crypto
import FoundationEssentials

/// The secret that this database was given when it was made. Nothing is hashed under it any more:
/// it lies beside the hashes. It reads what was hashed before there was `TOKEN_HASH_SECRETS` and
/// must not be forgotten: addresses of accounts that were deleted then.
package struct InstallationSecret: Sendable {
    private let key: SymmetricKey

    /// - Parameter bytes: the row's, see `Installation.secret(in:)`.
    package init(_ bytes: [UInt8]) {
        key = SymmetricKey(data: bytes)
    }

    /// HMAC-SHA256 of the parts.
    ///
    /// - Parameter purpose: keeps hashes of one kind apart from those of another.
    func hash(_ purpose: String, _ parts: String...) -> [UInt8] {
        keyedHash(key, [purpose] + parts)
    }
}
