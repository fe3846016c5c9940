import Crypto
import Database
import FoundationEssentials

/// The secret that this database was given when it was made. What is hashed under it (codes, the
/// subjects of throttles, emails of deleted accounts) cannot be guessed from a copy of the tables
/// alone, since each of them has few possible values.
struct InstallationSecret: Sendable {
    private let key: SymmetricKey

    init(_ bytes: [UInt8]) {
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
        var code = HMAC<SHA256>(key: key)
        for part in [purpose] + parts {
            // Each part is preceded by its length, so that no two lists of parts read the same.
            withUnsafeBytes(of: UInt64(part.utf8.count).bigEndian) { code.update(data: $0) }
            code.update(data: Array(part.utf8))
        }
        return Array(code.finalize())
    }
}

/// Compares without telling by its time where the two differ.
func equalInConstantTime(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    var difference: UInt8 = 0
    for (one, other) in zip(left, right) { difference |= one ^ other }
    return difference == 0
}

/// Base64 in the alphabet for URLs, without padding (RFC 4648 §5).
package enum Base64URL {
    package static func encode(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    /// - Returns: `nil` unless this is the one text that encodes the bytes: padding, other
    ///   characters and set bits after the end are refused, so a token has one spelling only.
    package static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var buffer: UInt32 = 0
        var bits = 0
        for character in text {
            guard let value = value(of: character) else { return nil }
            buffer = buffer << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bits)))
            }
        }
        // Six bits left over would be a character of its own.
        guard bits < 6, buffer & (1 << UInt32(bits) - 1) == 0 else { return nil }
        return bytes
    }

    private static func value(of character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
