import Crypto
import FoundationEssentials

extension UUID {
    /// The one id of what these words name: a UUID of version 8 (RFC 9562 §5.8) made of their
    /// SHA-256. The same words in the same order have the same id, others another.
    public init(named parts: String...) {
        var hash = SHA256()
        for part in parts {
            // With its length before it, so that no part can run into the next.
            hash.update(data: Array("\(part.utf8.count):\(part)".utf8))
        }
        var bytes = Array(hash.finalize().prefix(16))
        bytes[6] = bytes[6] & 0x0F | 0x80
        bytes[8] = bytes[8] & 0x3F | 0x80
        self = bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
    }
}
