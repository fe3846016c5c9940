/// A token of output is at most so many bytes of UTF-8, as good as always.
private let bytesOfAToken = 8

/// What a stream has produced so far, and which part of it was captured: lower bounds until the
/// provider tells.
@ClientActor
final class Production {
    /// Of input and of output, some of which were cached or reasoning.
    struct Tokens: Hashable {
        var input = 0
        var output = 0
        var cached = 0
        var reasoning = 0

        var isNone: Bool { self == Tokens() }

        /// With parts that are at most their wholes.
        var bounded: Tokens {
            var tokens = self
            tokens.cached = min(cached, input)
            tokens.reasoning = min(reasoning, output)
            return tokens
        }

        /// The first so many of each.
        func bounded(by most: Int) -> Tokens {
            zip(Tokens(input: most, output: most, cached: most, reasoning: most), min)
        }

        func zip(_ other: Tokens, _ combine: (Int, Int) -> Int) -> Tokens {
            Tokens(
                input: combine(input, other.input), output: combine(output, other.output),
                cached: combine(cached, other.cached),
                reasoning: combine(reasoning, other.reasoning))
        }
    }

    /// That were handed out.
    private(set) var chunks = 0
    private(set) var captures = 0
    private var size = 0
    private var counts = TokenCounts()
    private var captured = Tokens()

    func add(_ chunk: ChunkContent) {
        size += chunk.textBytes
        counts.update(chunk.counts)
        chunks += 1
    }

    /// The last was not handed out after all.
    func takeBackChunk() {
        chunks -= 1
    }

    /// What the provider says that it is.
    var model: String? { counts.model }

    /// Tokens so far, at least.
    var total: Tokens {
        Tokens(
            input: counts.inputTokens ?? 0,
            output: max(counts.outputTokens ?? 0, size / bytesOfAToken),
            cached: counts.cachedInputTokens ?? 0, reasoning: counts.reasoningTokens ?? 0
        ).bounded
    }

    /// Tokens of input and output since the last capture.
    var uncaptured: Int { total.input + total.output - capturedTokens }

    var capturedTokens: Int { captured.input + captured.output }

    /// The tokens since the last capture; nil if there is nothing to capture. What was handed out
    /// first counts even if it is less than a token: of a fixed price it takes the whole.
    func part() -> Tokens? {
        let part = total.zip(captured) { max(0, $0 - $1) }
        if chunks == 0 || captures > 0 && part.isNone { return nil }
        return part.bounded
    }

    /// Of a call's total, what no capture has told.
    func withoutCaptured(_ settled: JSONObject) -> JSONObject {
        var rest = UsageMetrics(settled)
        rest.inputTokens = rest.inputTokens.map { max(0, $0 - captured.input) }
        rest.outputTokens = rest.outputTokens.map { max(0, $0 - captured.output) }
        rest.cachedInputTokens = rest.cachedInputTokens.map {
            min(max(0, $0 - captured.cached), rest.inputTokens ?? 0)
        }
        rest.reasoningTokens = rest.reasoningTokens.map {
            min(max(0, $0 - captured.reasoning), rest.outputTokens ?? 0)
        }
        return rest.json
    }

    func metrics(_ tokens: Tokens) -> UsageMetrics {
        UsageMetrics(
            modelUsed: model.map { Limits.shown($0) }, inputTokens: tokens.input,
            outputTokens: tokens.output,
            cachedInputTokens: tokens.cached > 0 ? tokens.cached : nil,
            reasoningTokens: tokens.reasoning > 0 ? tokens.reasoning : nil)
    }

    /// Notes a part as captured.
    func take(_ part: Tokens) {
        captures += 1
        captured = captured.zip(part, +)
    }

    /// Notes a part as not captured after all.
    func giveBack(_ part: Tokens) {
        captures -= 1
        captured = captured.zip(part, -)
    }
}
