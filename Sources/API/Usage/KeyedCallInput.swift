import FoundationEssentials
import HTTPEndpoint
import Ledger
import Metering
import Values

/// How a customer is named: `ws_` and the workspace's id as 32 hexadecimal digits. It is no secret.
enum ClientID {
    static let lead = "ws_"

    static func parse(_ text: String) -> UUID? {
        guard text.hasPrefix(lead), text.utf8.count == lead.utf8.count + 32 else { return nil }
        let digits = text.dropFirst(lead.count)
        guard digits.utf8.allSatisfy({ isHexadecimal($0) }) else { return nil }
        var parts: [Substring] = []
        var rest = digits
        for length in [8, 4, 4, 4, 12] {
            parts.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return UUID(uuidString: parts.joined(separator: "-"))
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}

extension InputKind where Value == UUID {
    /// The workspace that a `client_id` names.
    static var clientID: InputKind<UUID> {
        InputKind<String>.text(35...35).documented(["pattern": "^ws_[0-9a-f]{32}$"])
            .satisfying("client_id", "must be ws_ and 32 lower-case hexadecimal digits") {
                ClientID.parse($0) != nil
            }
            .map(placeholder: UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))) {
                ClientID.parse($0) ?? UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
            }
    }
}

extension ObjectReader {
    /// Whose call it is: every request names it.
    mutating func client() -> UUID {
        required("client_id", .clientID, "The customer's workspace, e.g. `ws_` and 32 digits.")
    }

    mutating func usage() -> UUID { required("usage_id", .uuid, "What validate answered.") }
}

/// An API key as it came, which is never stored, queued or logged.
struct PresentedKey: Sendable {
    private static let leads = ["cbx_live_", "cbx_test_"]
    private static let randomCharacters = 43

    let text: String

    /// Whether it is written as keys are, so that it may be one.
    var isWellFormed: Bool {
        guard let lead = Self.leads.first(where: { text.hasPrefix($0) }) else { return false }
        let rest = text.utf8.dropFirst(lead.utf8.count)
        return rest.count == Self.randomCharacters && rest.allSatisfy { Self.isURLSafe($0) }
    }

    private static func isURLSafe(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
