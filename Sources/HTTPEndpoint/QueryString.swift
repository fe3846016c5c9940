import Foundation

/// The query of a URL, decoded (WHATWG's `application/x-www-form-urlencoded`).
package enum QueryString {
    /// Names and values in one query.
    package static let maximumPairs = 64

    /// - Throws: ``Problem`` 400 for a broken percent-encoding, text that is not UTF-8, or more
    ///   pairs than any endpoint has.
    package static func parse(_ query: Substring) throws -> [String: [String]] {
        guard !query.isEmpty else { return [:] }
        var values: [String: [String]] = [:]
        let pairs = query.split(separator: "&")
        guard pairs.count <= maximumPairs else { throw Problem.badRequest }
        for pair in pairs {
            let parts = pair.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = decode(parts[0]),
                let value = parts.count == 2 ? decode(parts[1]) : ""
            else {
                throw Problem.badRequest.with(
                    detail: "The query is not valid percent-encoded UTF-8.")
            }
            values[name, default: []].append(value)
        }
        return values
    }

    /// The text as a name or a value of a query: all but letters, digits, `-`, `.` and `_` as
    /// percent-encoded UTF-8.
    package static func encode(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                encoded += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
        return encoded
    }

    private static func decode(_ text: Substring) -> String? {
        text.replacing("+", with: " ").removingPercentEncoding
    }
}
