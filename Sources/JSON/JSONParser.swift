/// Why a text is not JSON, and at which byte.
public struct JSONSyntaxError: Error, Equatable, CustomStringConvertible {
    public let reason: String
    public let offset: Int

    public var description: String { "\(reason) at byte \(offset)" }
}

extension JSONValue {
    /// Parses one JSON text.
    ///
    /// It is stricter than RFC 8259 asks where readers are known to disagree: a repeated member
    /// name, a lone surrogate and bytes that are not UTF-8 are errors, and nesting is bounded.
    public static func parse(_ text: some Collection<UInt8>) throws(JSONSyntaxError) -> JSONValue {
        let result = text.withContiguousStorageIfAvailable { bytes in
            parseResult(UnsafeBufferPointer(rebasing: bytes[...]))
        }
        if let result { return try result.get() }
        return try Array(text).withUnsafeBufferPointer { parseResult($0) }.get()
    }

    public static func parse(_ text: String) throws(JSONSyntaxError) -> JSONValue {
        try parse(Array(text.utf8))
    }

    private static func parseResult(
        _ bytes: UnsafeBufferPointer<UInt8>
    ) -> Result<JSONValue, JSONSyntaxError> {
        var parser = JSONParser(bytes: bytes)
        do throws(JSONSyntaxError) {
            return .success(try parser.parseText())
        } catch {
            return .failure(error)
        }
    }
}

struct JSONParser {
    /// Arrays and objects inside one another; a request of this service needs three.
    static let maximumDepth = 32

    let bytes: UnsafeBufferPointer<UInt8>
    var position = 0

    init(bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
    }

    mutating func parseText() throws(JSONSyntaxError) -> JSONValue {
        skipWhitespace()
        let value = try parseValue(depth: 0)
        skipWhitespace()
        guard position == bytes.count else { throw failure("unexpected text after the value") }
        return value
    }

    private mutating func parseValue(depth: Int) throws(JSONSyntaxError) -> JSONValue {
        guard depth <= Self.maximumDepth else { throw failure("nested too deeply") }
        switch peek() {
        case UInt8(ascii: "{"): return try parseObject(depth: depth)
        case UInt8(ascii: "["): return try parseArray(depth: depth)
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "t"):
            try expect("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try expect("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try expect("null")
            return .null
        case nil: throw failure("unexpected end")
        case let byte? where byte == UInt8(ascii: "-") || isDigit(byte):
            return .number(try parseNumber())
        default: throw failure("unexpected character")
        }
    }

    private mutating func parseObject(depth: Int) throws(JSONSyntaxError) -> JSONValue {
        position += 1
        var members: [(key: String, value: JSONValue)] = []
        skipWhitespace()
        if skip(UInt8(ascii: "}")) { return .object(JSONObject()) }
        members.reserveCapacity(12)
        while true {
            skipWhitespace()
            guard peek() == UInt8(ascii: "\"") else { throw failure("expected a member name") }
            members.append((key: try parseString(), value: .null))
            skipWhitespace()
            guard skip(UInt8(ascii: ":")) else { throw failure("expected ':'") }
            skipWhitespace()
            members[members.count - 1].value = try parseValue(depth: depth + 1)
            skipWhitespace()
            if skip(UInt8(ascii: ",")) { continue }
            guard skip(UInt8(ascii: "}")) else { throw failure("expected ',' or '}'") }
            guard namesAreUnique(members) else { throw failure("a member name is repeated") }
            return .object(JSONObject(members))
        }
    }

    private func namesAreUnique(_ members: [(key: String, value: JSONValue)]) -> Bool {
        // Comparing each pair is cheaper than hashing for the few members of an honest request;
        // a hash table keeps a hostile one linear.
        if members.count > 16 { return Set(members.map(\.key)).count == members.count }
        for later in members.indices.dropFirst() {
            for earlier in 0..<later where members[earlier].key == members[later].key {
                return false
            }
        }
        return true
    }

    private mutating func parseArray(depth: Int) throws(JSONSyntaxError) -> JSONValue {
        position += 1
        var elements: [JSONValue] = []
        skipWhitespace()
        if skip(UInt8(ascii: "]")) { return .array([]) }
        while true {
            skipWhitespace()
            elements.append(try parseValue(depth: depth + 1))
            skipWhitespace()
            if skip(UInt8(ascii: ",")) { continue }
            guard skip(UInt8(ascii: "]")) else { throw failure("expected ',' or ']'") }
            return .array(elements)
        }
    }

    private mutating func parseNumber() throws(JSONSyntaxError) -> String {
        let start = position
        _ = skip(UInt8(ascii: "-"))
        if !skip(UInt8(ascii: "0")) { try skipDigits() }
        if skip(UInt8(ascii: ".")) { try skipDigits() }
        if skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E")) {
            if !skip(UInt8(ascii: "+")) { _ = skip(UInt8(ascii: "-")) }
            try skipDigits()
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func skipDigits() throws(JSONSyntaxError) {
        let start = position
        while let byte = peek(), isDigit(byte) { position += 1 }
        guard position > start else { throw failure("expected a digit") }
    }

    private mutating func parseString() throws(JSONSyntaxError) -> String {
        position += 1
        let start = position
        // All bits of all bytes: where the highest is not among them, the text is ASCII.
        var bits: UInt8 = 0
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                let slice = bytes[start..<position]
                // Only text beyond ASCII can be broken UTF-8; the check is what costs.
                let text =
                    bits < 0x80
                    ? String(decoding: UnsafeBufferPointer(rebasing: slice), as: UTF8.self)
                    : try decodeUTF8(slice)
                position += 1
                return text
            case UInt8(ascii: "\\"): return try parseEscapedString(from: start)
            case 0..<0x20: throw failure("a control character in a string")
            default:
                bits |= byte
                position += 1
            }
        }
        throw failure("unterminated string")
    }

    /// The slow way, for the few strings that hold a backslash.
    private mutating func parseEscapedString(from start: Int) throws(JSONSyntaxError) -> String {
        var text = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                return try text.withUnsafeBufferPointer { Result(decoding: $0[...], self) }.get()
            case UInt8(ascii: "\\"): try parseEscape(into: &text)
            case 0..<0x20: throw failure("a control character in a string")
            default: text.append(byte)
            }
        }
        throw failure("unterminated string")
    }

    private mutating func parseEscape(into text: inout [UInt8]) throws(JSONSyntaxError) {
        guard let byte = peek() else { throw failure("unterminated string") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            let scalar = try parseUnicodeEscape()
            text.append(contentsOf: String(Character(scalar)).utf8)
        default: throw failure("unknown escape")
        }
    }

    private mutating func parseUnicodeEscape() throws(JSONSyntaxError) -> Unicode.Scalar {
        let unit = try parseHexUnit()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard unit < 0xDC00, skip(UInt8(ascii: "\\")), skip(UInt8(ascii: "u")) else {
            throw failure("a lone surrogate")
        }
        let low = try parseHexUnit()
        guard (0xDC00...0xDFFF).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
        else { throw failure("a lone surrogate") }
        return scalar
    }

    private mutating func parseHexUnit() throws(JSONSyntaxError) -> UInt32 {
        guard position + 4 <= bytes.count else { throw failure("unterminated string") }
        var unit: UInt32 = 0
        for byte in bytes[position..<position + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw failure("not a hexadecimal digit")
            }
            unit = unit << 4 + UInt32(digit)
        }
        position += 4
        return unit
    }

    fileprivate func decodeUTF8(
        _ slice: Slice<UnsafeBufferPointer<UInt8>>
    ) throws(JSONSyntaxError) -> String {
        guard let text = String(validating: slice, as: UTF8.self) else {
            throw failure("bytes that are not UTF-8 in a string")
        }
        return text
    }

    private mutating func expect(_ word: StaticString) throws(JSONSyntaxError) {
        let expected = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        guard bytes[position...].starts(with: expected) else {
            throw failure("unexpected character")
        }
        position += expected.count
    }

    private mutating func skip(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipWhitespace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            position += 1
        }
    }

    private func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    @inline(__always)
    private func peek() -> UInt8? {
        position < bytes.count ? bytes[position] : nil
    }

    private func failure(_ reason: String) -> JSONSyntaxError {
        JSONSyntaxError(reason: reason, offset: position)
    }
}

extension Result where Success == String, Failure == JSONSyntaxError {
    /// Carries a typed error out of a closure that cannot throw one.
    fileprivate init(decoding slice: Slice<UnsafeBufferPointer<UInt8>>, _ parser: JSONParser) {
        do throws(JSONSyntaxError) {
            self = .success(try parser.decodeUTF8(slice))
        } catch {
            self = .failure(error)
        }
    }
}
