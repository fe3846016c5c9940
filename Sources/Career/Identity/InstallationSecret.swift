import Crypto
import Database
import FoundationEssentials

/// The secret that this database was given when it was made. Nothing is hashed under it any more:
/// it lies beside the hashes. It reads what was hashed before there was `TOKEN_HASH_SECRETS` and
/// must not be forgotten: addresses of accounts that were deleted then.
struct InstallationSecret: Sendable {
    private let key: SymmetricKey

    private init(_ bytes: [UInt8]) {
        key = SymmetricKey(data: bytes)
    }

    static func load(from database: any Database) async throws -> InstallationSecret {
        try await database.read { connection in
            guard let row = try connection.queryOne("SELECT secret FROM installation") else {
                throw DatabaseError.decoding("the database has no installation secret")
            }
            var reader = row.reader
            return InstallationSecret(try reader.blob())
        }
    }

    /// HMAC-SHA256 of the parts.
    ///
    /// - Parameter purpose: keeps hashes of one kind apart from those of another.
    func hash(_ purpose: String, _ parts: String...) -> [UInt8] {
        keyedHash(key, [purpose] + parts)
    }
}
