/// What a call is about: with the request id it says which calls are the same one. Only its hash
/// leaves the process.
public struct Payload: Sendable, ExpressibleByStringLiteral {
    /// SHA-256 in lower-case hexadecimal.
    public let hash: String

    private init(hash: String) {
        self.hash = hash
    }

    /// Bytes as they came, e.g. a request's body.
    public static func bytes(_ bytes: some Sequence<UInt8>) -> Payload {
        Payload(hash: SHA256.hex(of: Array(bytes)))
    }

    /// A text as its UTF-8.
    public static func text(_ text: String) -> Payload {
        bytes(text.utf8)
    }

    /// A JSON value, made canonical first (RFC 8785). Throws `NotCanonical`.
    public static func json(_ value: JSON) throws(NotCanonical) -> Payload {
        bytes(try value.canonical())
    }

    public init(stringLiteral value: String) {
        self = .text(value)
    }
}

/// A number that has no canonical JSON: a NaN, an infinity, an integer that is equal to no double.
public struct NotCanonical: Error, Sendable {}

extension JSON {
    /// RFC 8785: the same bytes for equal values, whatever language wrote them.
    public func canonical() throws(NotCanonical) -> [UInt8] {
        var bytes: [UInt8] = []
        try writeCanonical(to: &bytes)
        return bytes
    }

    private func writeCanonical(to bytes: inout [UInt8]) throws(NotCanonical) {
        switch self {
        case .int(let int):
            guard let double = Double(exactly: int) else { throw NotCanonical() }
            bytes += try Self.canonical(double).utf8
        case .double(let double): bytes += try Self.canonical(double).utf8
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                try element.writeCanonical(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let object):
            // In the order of UTF-16 code units, as JavaScript compares.
            let members = object.members.sorted {
                $0.name.utf16.lexicographicallyPrecedes($1.name.utf16)
            }
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.write(member.name, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                try member.value.writeCanonical(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        case .null, .bool, .string: bytes += encoded()
        }
    }

    /// As ECMAScript writes a double (ECMA-262, Number::toString).
    private static func canonical(_ double: Double) throws(NotCanonical) -> String {
        guard double.isFinite else { throw NotCanonical() }
        if double == 0 { return "0" }
        let (digits, exponent) = shortest(double.magnitude)
        // The point stands after so many digits.
        let point = digits.count + exponent
        var text = double < 0 ? "-" : ""
        if point > 21 || point <= -6 {
            text += digits.prefix(1) + (digits.count > 1 ? "." + digits.dropFirst() : "")
            return text + "e" + (point > 0 ? "+" : "") + String(point - 1)
        }
        if point <= 0 { return text + "0." + String(repeating: "0", count: -point) + digits }
        text += digits.prefix(point) + String(repeating: "0", count: max(0, point - digits.count))
        return digits.count > point ? text + "." + digits.dropFirst(point) : text
    }

    /// The fewest digits that name the double, and the power of ten of the last of them.
    private static func shortest(_ double: Double) -> (digits: String, exponent: Int) {
        let parts = double.description.split(separator: "e")
        let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let fraction = mantissa.count > 1 ? mantissa[1] : ""
        var digits = (mantissa[0] + fraction).drop { $0 == "0" }
        var exponent = (parts.count > 1 ? Int(parts[1]) ?? 0 : 0) - fraction.count
        while digits.last == "0" {
            digits.removeLast()
            exponent += 1
        }
        return (String(digits), exponent)
    }
}
