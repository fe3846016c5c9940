import FoundationEssentials
import HTTPEndpoint
import Ledger
import Values

/// What a tool server asks before an AI call.
package struct UsageValidateRequest: JSONInput {
    let requestID: String
    let featureKey: String
    let payloadHash: String
    let call: UsageLog.Call
    let holdSeconds: Int64?
    let parent: UUID?

    package static let about = "Asks whether the user may run a feature now."

    package init(_ reader: inout ObjectReader) {
        self.init(&reader, knowsFeature: { _ in true })
    }

    /// - Parameter knowsFeature: whether the catalog has this feature; one that it lacks is an
    ///   error of the field like any other.
    init(_ reader: inout ObjectReader, knowsFeature: @escaping @Sendable (String) -> Bool) {
        requestID = reader.required(
            "request_id", .text(1...255), "Names the call; repeat it to repeat the question.")
        featureKey = reader.required(
            "feature_key",
            .text(1...255).satisfying("unknown_feature", "is not a known feature", knowsFeature),
            "The feature, e.g. `career.job_match`.")
        let endpoint = reader.required(
            "endpoint", .text(0...2048), "The tool server's endpoint that was called.")
        let method = reader.required(
            "method", .httpMethod, "Its HTTP method; stored in upper case.")
        payloadHash = reader.required(
            "payload_hash", .payloadHash, "SHA-256 of the call's payload.")
        holdSeconds = reader.optional(
            "hold_seconds", .holdSeconds,
            """
            How long to hold; if not given, the smaller of `RESERVATION_TTL` and the feature's \
            maximum.
            """
        )
        parent = reader.optional(
            "parent_usage_id", .uuid,
            "The running call out of whose hold this one's is taken; if not given, the balance.")
        let client = reader.optional(
            "client", .object(UsageClient.self), "Who called the tool server.")
        let estimate = reader.optional(
            "usage_estimate", .object(UsageEstimate.self), "What the call is expected to take.")
        call = UsageLog.Call(
            endpoint: endpoint, method: method, clientIP: client?.ip,
            userAgent: client?.userAgent, inputChars: estimate?.inputChars,
            maxOutputTokens: estimate?.maxOutputTokens, model: estimate?.model,
            inputTokens: estimate?.inputTokens)
    }
}

struct UsageClient: JSONInput {
    let ip: String?
    let userAgent: String?

    static let about = "Who called the tool server."

    init(_ reader: inout ObjectReader) {
        ip = reader.optional("ip", .text(0...64), "The client's address.")
        userAgent = reader.optional(
            "user_agent", .text(cutTo: 1024),
            "Its `User-Agent`; the first 1024 characters are kept.")
    }
}

struct UsageEstimate: JSONInput {
    let inputChars: Int64?
    let maxOutputTokens: Int64?
    let model: String?
    let inputTokens: Int64?

    static let about = "What the call is expected to take; at least one field."

    init(_ reader: inout ObjectReader) {
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
}

extension InputKind where Value == String {
    static var payloadHash: InputKind<String> {
        .characters(
            64, outOf: "0123456789abcdef", pattern: "^[0-9a-f]{64}$",
            "must be 64 lower-case hexadecimal digits")
    }

    /// A method of RFC 9110 §9 or RFC 5789, in any case; upper case from here on.
    static var httpMethod: InputKind<String> {
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
    static var holdSeconds: InputKind<Int64> { .integer(1...1_000_000_000) }
}
