import HTTPTypes

/// The name of a request: the client's own where it is a decent one, else a new one.
public enum RequestID {
    static let maximumLength = 128

    package static func accept(_ headers: RequestHeaders) -> String {
        if let given = headers[.xRequestID], isDecent(given) { return given }
        return new()
    }

    /// Whether a text may stand for a request in logs and headers.
    public static func isDecent(_ text: String) -> Bool {
        (1...maximumLength).contains(text.utf8.count) && text.utf8.allSatisfy(isSafe)
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
