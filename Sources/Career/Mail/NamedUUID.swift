import Crypto
import FoundationEssentials

extension UUID {
    /// The one id of what these words name (RFC 9562, version 8: a hash). What may be enqueued
    /// twice under it is there once.
    init(named parts: String...) {
        var hash = SHA256()
        for part in parts {
            hash.update(data: Array("\(part.utf8.count):\(part)".utf8))
        }
        var bytes = Array(hash.finalize().prefix(16))
        bytes[6] = bytes[6] & 0x0F | 0x80
        bytes[8] = bytes[8] & 0x3F | 0x80
        self = bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
    }
}
