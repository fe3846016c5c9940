import FoundationEssentials
import HTTPEndpoint
import Ledger
import Values

extension UsageLog.Metrics {
    /// Whether any count of tokens was told.
    package var hasTokens: Bool {
        [inputTokens, outputTokens, cachedInputTokens, reasoningTokens].contains { $0 != nil }
    }
}

/// What the tool server measured, as it tells it.
package struct UsageMetrics: JSONInput {
    /// What a count of tokens may be.
    package static let tokens: ClosedRange<Int64> = 0...2_000_000

    package let metrics: UsageLog.Metrics

    package static let about = "What the tool server measured."

    package init(_ reader: inout ObjectReader) {
        metrics = UsageLog.Metrics(
            modelUsed: reader.optional("model_used", .text(1...100), "The model that ran."),
            inputTokens: reader.optional(
                "input_tokens", .integer(Self.tokens), "Tokens of input, cached ones among them."),
            outputTokens: reader.optional(
                "output_tokens", .integer(Self.tokens),
                "Tokens of output, those of reasoning among them."),
            latencyMilliseconds: reader.optional(
                "latency_ms", .integer(0...3_600_000), "How long it took, in milliseconds."),
            cachedInputTokens: reader.optional(
                "cached_input_tokens", .integer(Self.tokens),
                "Tokens of input that the provider had cached: a part of `input_tokens`."),
            reasoningTokens: reader.optional(
                "reasoning_tokens", .integer(Self.tokens),
                "Tokens of reasoning: a part of `output_tokens`."))
        Self.refuse(
            "cached_input_tokens", metrics.cachedInputTokens, beyond: "input_tokens",
            metrics.inputTokens, &reader)
        Self.refuse(
            "reasoning_tokens", metrics.reasoningTokens, beyond: "output_tokens",
            metrics.outputTokens, &reader)
    }

    /// A whole that is there and could not be read has its own error.
    private static func refuse(
        _ name: String, _ part: Int64?, beyond wholeName: String, _ whole: Int64?,
        _ reader: inout ObjectReader
    ) {
        let isUnread = whole == nil && reader.has(wholeName)
        guard let part, !isUnread, part > whole ?? 0 else { return }
        reader.reject(name, "must not be more than \(wholeName)", type: "part_exceeds_whole")
    }
}

/// Why a call failed, as it is told.
package struct UsageFailure: JSONInput {
    package let failure: UsageLog.Failure

    package static let about = "Why a call failed."

    package init(_ reader: inout ObjectReader) {
        failure = UsageLog.Failure(
            type: reader.required(
                "failure_type",
                .oneOf(UsageLog.FailureType.self)
                    .satisfying("enum", "is told by cancel alone") { $0 != .canceled },
                "What kind of failure; `canceled` is told by cancel alone."),
            reason: reader.required("reason", .text(1...1000), "One sentence."))
    }
}
