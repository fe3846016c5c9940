import HTTPTypes

/// The name of a request: the client's own where it is a decent one, else a new one.
public enum RequestID {
    static let maximumLength = 128
    /// What an operation of a batch adds to it at most: a dot and three digits.
    static let maximumSuffix = 4

    package static func accept(_ headers: RequestHeaders) -> String {
        if let given = headers[.xRequestID], given.utf8.count <= maximumLength, isDecent(given) {
            return given
        }
        return new()
    }

    /// Names an operation of a batch.
    ///
    /// - Parameter number: its place, from 0 to 999.
    package static func of(operation number: Int, in batch: String) -> String {
        "\(batch).\(number)"
    }

    /// Whether a text may stand for a request, or for an operation of one, in logs and messages.
    public static func isDecent(_ text: String) -> Bool {
        (1...maximumLength + maximumSuffix).contains(text.utf8.count)
            && text.utf8.allSatisfy(isSafe)
    }

    package static func new() -> String {
        "req_" + String(UInt64.random(in: .min ... .max), radix: 16)
    }

    private static func isSafe(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: "."):
            true
        default: false
        }
    }
}
