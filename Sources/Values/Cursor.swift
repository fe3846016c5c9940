import FoundationEssentials

/// A cursor of keyset pagination: where a page ended, opaque to clients.
package enum Cursor {
    package static func text(_ id: UUID) -> String {
        Base64URL.encode(withUnsafeBytes(of: id.uuid) { Array($0) })
    }

    /// - Returns: `nil` for whatever is not exactly the text of a cursor: one id has one cursor.
    package static func parse(_ text: String) -> UUID? {
        guard let bytes = Base64URL.decode(text.utf8), bytes.count == 16 else { return nil }
        return bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
    }
}
