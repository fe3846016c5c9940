import FoundationEssentials
import HTTPEndpoint
import Ledger
import Values

/// Who called the tool server.
package struct UsageClient: JSONInput {
    package let ip: String?
    package let userAgent: String?

    package static let about = "Who called the tool server."

    package init(_ reader: inout ObjectReader) {
        ip = reader.optional("ip", .text(0...64), "The client's address.")
        userAgent = reader.optional(
            "user_agent", .text(cutTo: 1024),
            "Its `User-Agent`; the first 1024 characters are kept.")
    }
}

/// What a call is expected to take.
package struct UsageEstimate: JSONInput {
    package let inputChars: Int64?
    package let maxOutputTokens: Int64?
    package let model: String?
    package let inputTokens: Int64?

    package static let about = "What the call is expected to take; at least one field."

    package init(_ reader: inout ObjectReader) {
        inputChars = reader.optional(
            "input_chars", .integer(0...10_000_000), "Characters of input.")
        maxOutputTokens = reader.optional(
            "max_output_tokens", .integer(0...2_000_000), "Tokens of output, at most.")
        model = reader.optional("model", .text(1...100), "The model.")
        inputTokens = reader.optional(
            "input_tokens", .integer(UsageMetrics.tokens),
            "Tokens of input; they say more than its characters.")
        let names = ["input_chars", "max_output_tokens", "model", "input_tokens"]
        if !names.contains(where: { reader.has($0) }) {
            reader.reject(nil, "must have at least one field", type: "too_few_fields")
        }
    }

    package var announced: AnnouncedUsage {
        AnnouncedUsage(
            model: model, inputTokens: inputTokens, inputChars: inputChars,
            maxOutputTokens: maxOutputTokens)
    }
}

extension InputKind where Value == String {
    package static var payloadHash: InputKind<String> {
        .characters(
            64, outOf: "0123456789abcdef", pattern: "^[0-9a-f]{64}$",
            "must be 64 lower-case hexadecimal digits")
    }

    /// A method of RFC 9110 §9 or RFC 5789, in any case; upper case from here on.
    package static var httpMethod: InputKind<String> {
        let methods: Set<String> = [
            "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
        ]
        return .text(1...16)
            .satisfying("http_method", "must be an HTTP method") {
                methods.contains($0.uppercased())
            }
            .map(placeholder: "GET") { $0.uppercased() }
    }
}

extension InputKind where Value == Int64 {
    /// How long a hold is to last. The feature's own maximum is judged in the decision.
    package static var holdSeconds: InputKind<Int64> { .integer(1...1_000_000_000) }
}
