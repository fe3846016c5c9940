/// The SQL that both engines share marks each bound parameter with `?`; PostgreSQL wants them
/// numbered.
enum PostgreSQLPlaceholders {
    /// Replaces each `?` by `$1`, `$2` … A question mark inside a string, a quoted name or a
    /// comment to the end of its line is none; the service writes no other comments in SQL.
    static func numbered(_ sql: String) -> String {
        numbered(sql, prefix: "$")
    }

    /// The same with another prefix before each number.
    static func numbered(_ sql: String, prefix: String) -> String {
        var output: [UInt8] = []
        output.reserveCapacity(sql.utf8.count + 32)
        var scanner = Scanner(bytes: Array(sql.utf8))
        var count = 0
        while let byte = scanner.next() {
            guard byte == UInt8(ascii: "?"), scanner.isPlain else {
                output.append(byte)
                continue
            }
            count += 1
            output += Array(prefix.utf8)
            output += Array(String(count).utf8)
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// Where a keyword stands outside strings and parentheses for the first time.
    static func range(of keyword: StaticString, in sql: String) -> Range<String.Index>? {
        let bytes = Array(sql.utf8)
        let word = Array(keyword.description.utf8)
        var scanner = Scanner(bytes: bytes)
        var depth = 0
        var place = 0
        while let byte = scanner.next() {
            defer { place += 1 }
            guard scanner.isPlain else { continue }
            if byte == UInt8(ascii: "(") { depth += 1 }
            if byte == UInt8(ascii: ")") { depth -= 1 }
            let end = place + word.count
            if depth == 0, bytes[place...].starts(with: word),
                place == 0 || bytes[place - 1].isBlank, end == bytes.count || bytes[end].isBlank
            {
                let start = sql.utf8.index(sql.startIndex, offsetBy: place)
                return start..<sql.utf8.index(start, offsetBy: word.count)
            }
        }
        return nil
    }

    /// Steps through SQL and knows whether it stands in code. A doubled quote ends a string and
    /// starts the next at once, so it needs no case of its own.
    private struct Scanner {
        private enum Place {
            case code
            case quoted(by: UInt8)
            case lineComment
        }

        let bytes: [UInt8]
        private var index = 0
        private var place = Place.code

        init(bytes: [UInt8]) {
            self.bytes = bytes
        }

        var isPlain: Bool {
            if case .code = place { return true }
            return false
        }

        mutating func next() -> UInt8? {
            guard index < bytes.count else { return nil }
            let byte = bytes[index]
            let following = index + 1 < bytes.count ? bytes[index + 1] : 0
            index += 1
            switch place {
            case .code:
                switch (byte, following) {
                case (UInt8(ascii: "'"), _), (UInt8(ascii: "\""), _): place = .quoted(by: byte)
                case (UInt8(ascii: "-"), UInt8(ascii: "-")): place = .lineComment
                default: break
                }
            case .quoted(let quote): if byte == quote { place = .code }
            case .lineComment: if byte == UInt8(ascii: "\n") { place = .code }
            }
            return byte
        }
    }
}

extension UInt8 {
    fileprivate var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\n") }
}
