extension JSON {
    /// What a text in UTF-8 says. Throws `NotJSON`, also for a lone surrogate, and for what is
    /// nested deeper than 128.
    public init(parsing bytes: some Sequence<UInt8>) throws(NotJSON) {
        var parser = JSONParser(bytes: Array(bytes))
        self = try parser.document()
    }
}

/// - at: how many bytes stand before what is no JSON.
public struct NotJSON: Error, Sendable, Hashable {
    public let at: Int
}

private let deepest = 128

private struct JSONParser {
    let bytes: [UInt8]
    var at = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func document() throws(NotJSON) -> JSON {
        let value = try value(depth: 0)
        skipSpace()
        guard at == bytes.count else { throw wrong }
        return value
    }

    private var wrong: NotJSON { NotJSON(at: at) }

    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 32 || byte == 9 || byte == 10 || byte == 13 { at += 1 }
    }

    /// Whether the byte came, after white space.
    private mutating func took(_ byte: UInt8) -> Bool {
        skipSpace()
        guard next == byte else { return false }
        at += 1
        return true
    }

    private mutating func value(depth: Int) throws(NotJSON) -> JSON {
        guard depth <= deepest else { throw wrong }
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSON) throws(NotJSON) -> JSON {
        let end = at + word.utf8CodeUnitCount
        guard end <= bytes.count, bytes[at..<end].elementsEqual("\(word)".utf8) else { throw wrong }
        at = end
        return value
    }

    private mutating func object(depth: Int) throws(NotJSON) -> JSONObject {
        at += 1
        var object = JSONObject()
        if took(UInt8(ascii: "}")) { return object }
        repeat {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw wrong }
            let name = try string()
            guard took(UInt8(ascii: ":")) else { throw wrong }
            object[name] = try value(depth: depth + 1)
        } while took(UInt8(ascii: ","))
        guard took(UInt8(ascii: "}")) else { throw wrong }
        return object
    }

    private mutating func array(depth: Int) throws(NotJSON) -> [JSON] {
        at += 1
        var elements: [JSON] = []
        if took(UInt8(ascii: "]")) { return elements }
        repeat {
            elements.append(try value(depth: depth + 1))
        } while took(UInt8(ascii: ","))
        guard took(UInt8(ascii: "]")) else { throw wrong }
        return elements
    }

    private mutating func number() throws(NotJSON) -> JSON {
        let start = at
        if next == UInt8(ascii: "-") { at += 1 }
        let first = at
        let whole = digits()
        guard whole > 0, whole == 1 || bytes[first] != UInt8(ascii: "0") else { throw wrong }
        var isWhole = true
        if next == UInt8(ascii: ".") {
            at += 1
            isWhole = false
            guard digits() > 0 else { throw wrong }
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            at += 1
            isWhole = false
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { at += 1 }
            guard digits() > 0 else { throw wrong }
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        if isWhole, let int = Int(text) { return .int(int) }
        guard let double = Double(text), double.isFinite else { throw wrong }
        return .double(double)
    }

    /// How many digits came.
    private mutating func digits() -> Int {
        let start = at
        while let byte = next, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { at += 1 }
        return at - start
    }

    private mutating func string() throws(NotJSON) -> String {
        at += 1
        var text: [UInt8] = []
        while let byte = next {
            at += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let valid = String(validating: text, as: UTF8.self) else { throw wrong }
                return valid
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<32: throw wrong
            default: text.append(byte)
            }
        }
        throw wrong
    }

    private mutating func escape(into text: inout [UInt8]) throws(NotJSON) {
        guard let byte = next else { throw wrong }
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(8)
        case UInt8(ascii: "f"): text.append(12)
        case UInt8(ascii: "n"): text.append(10)
        case UInt8(ascii: "r"): text.append(13)
        case UInt8(ascii: "t"): text.append(9)
        case UInt8(ascii: "u"):
            text += String(Character(try scalar())).utf8
        default: throw wrong
        }
    }

    /// Of one escape, or of two that are a surrogate pair.
    private mutating func scalar() throws(NotJSON) -> Unicode.Scalar {
        let first = try unit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard (0xD800..<0xDC00).contains(first), next == UInt8(ascii: "\\") else { throw wrong }
        at += 1
        guard next == UInt8(ascii: "u") else { throw wrong }
        at += 1
        let second = try unit()
        guard (0xDC00..<0xE000).contains(second) else { throw wrong }
        let value = 0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00)
        guard let scalar = Unicode.Scalar(value) else { throw wrong }
        return scalar
    }

    private mutating func unit() throws(NotJSON) -> UInt16 {
        let end = at + 4
        guard end <= bytes.count else { throw wrong }
        let digits = String(decoding: bytes[at..<end], as: UTF8.self)
        guard digits.allSatisfy(\.isHexDigit), let unit = UInt16(digits, radix: 16) else {
            throw wrong
        }
        at = end
        return unit
    }
}
