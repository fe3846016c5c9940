/// What a provider has counted so far; nil: it has not said.
public struct TokenCounts: Sendable, Hashable {
    public var inputTokens: Int?
    public var outputTokens: Int?
    public var cachedInputTokens: Int?
    public var reasoningTokens: Int?
    public var model: String?

    public init(
        inputTokens: Int? = nil, outputTokens: Int? = nil, cachedInputTokens: Int? = nil,
        reasoningTokens: Int? = nil, model: String? = nil
    ) {
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
        self.cachedInputTokens = cachedInputTokens
        self.reasoningTokens = reasoningTokens
        self.model = model
    }

    /// Takes over what the other has. Counts never shrink: the last event of a stream may leave out
    /// what the first has told, e.g. what was cached.
    mutating func update(_ other: TokenCounts) {
        func larger(_ one: Int?, _ two: Int?) -> Int? { [one, two].compactMap { $0 }.max() }
        inputTokens = larger(inputTokens, other.inputTokens)
        outputTokens = larger(outputTokens, other.outputTokens)
        cachedInputTokens = larger(cachedInputTokens, other.cachedInputTokens)
        reasoningTokens = larger(reasoningTokens, other.reasoningTokens)
        model = other.model ?? model
    }
}

/// What a chunk of a stream says: how much text it brings, and what the provider counted so far.
public struct ChunkContent: Sendable, Hashable {
    /// In UTF-8.
    public var textBytes: Int
    public var counts: TokenCounts

    public init(textBytes: Int = 0, counts: TokenCounts = TokenCounts()) {
        self.textBytes = textBytes
        self.counts = counts
    }

    public init(text: some StringProtocol, counts: TokenCounts = TokenCounts()) {
        self.init(textBytes: text.utf8.count, counts: counts)
    }
}

/// A chunk that says itself what it brings.
public protocol MeteredChunk {
    var content: ChunkContent { get }
}

extension String: MeteredChunk {
    public var content: ChunkContent { ChunkContent(text: self) }
}

extension Substring: MeteredChunk {
    public var content: ChunkContent { ChunkContent(text: self) }
}

extension [UInt8]: MeteredChunk {
    public var content: ChunkContent { ChunkContent(textBytes: count) }
}

/// By the shape of the chunk: OpenAI's chat completions and responses; Anthropic's messages.
extension JSON: MeteredChunk {
    public var content: ChunkContent {
        let kind = self["type"].text ?? ""
        if kind.hasPrefix("response.") { return responseEvent(kind) }
        if kind.hasPrefix("message_") || kind.hasPrefix("content_block") { return messageEvent }
        if self["choices"] != .null { return completionChunk }
        return ChunkContent(
            textBytes: self["text"].textBytes, counts: openAICounts(self["usage"], self["model"]))
    }

    private var textBytes: Int { text?.utf8.count ?? 0 }

    private var count: Int? { int.flatMap { $0 >= 0 ? $0 : nil } }

    private var name: String? { text.flatMap { $0.isEmpty ? nil : $0 } }

    /// OpenAI's chat completions, and others' that are shaped alike.
    private var completionChunk: ChunkContent {
        var size = 0
        for choice in self["choices"].array ?? [] {
            let delta = choice["delta"]
            size += delta["content"].textBytes + delta["refusal"].textBytes
            size += delta["reasoning_content"].textBytes + choice["text"].textBytes
            for call in delta["tool_calls"].array ?? [] {
                size += call["function"]["arguments"].textBytes
            }
        }
        return ChunkContent(textBytes: size, counts: openAICounts(self["usage"], self["model"]))
    }

    /// OpenAI's responses.
    private func responseEvent(_ kind: String) -> ChunkContent {
        ChunkContent(
            textBytes: kind.hasSuffix(".delta") ? self["delta"].textBytes : 0,
            counts: openAICounts(self["response"]["usage"], self["response"]["model"]))
    }

    private func openAICounts(_ usage: JSON, _ model: JSON) -> TokenCounts {
        TokenCounts(
            inputTokens: usage["prompt_tokens"].count ?? usage["input_tokens"].count,
            outputTokens: usage["completion_tokens"].count ?? usage["output_tokens"].count,
            cachedInputTokens: usage["prompt_tokens_details"]["cached_tokens"].count
                ?? usage["input_tokens_details"]["cached_tokens"].count,
            reasoningTokens: usage["completion_tokens_details"]["reasoning_tokens"].count
                ?? usage["output_tokens_details"]["reasoning_tokens"].count,
            model: model.name)
    }

    /// Anthropic's messages. Their input tokens leave out what was read from and written to the
    /// cache; ours are all of them, of which some were cached.
    private var messageEvent: ChunkContent {
        let delta = self["delta"]
        let usage = self["type"] == "message_start" ? self["message"]["usage"] : self["usage"]
        let fresh = usage["input_tokens"].count
        let cached = usage["cache_read_input_tokens"].count
        let written = usage["cache_creation_input_tokens"].count ?? 0
        return ChunkContent(
            textBytes: delta["text"].textBytes + delta["partial_json"].textBytes
                + delta["thinking"].textBytes,
            counts: TokenCounts(
                inputTokens: fresh.map { $0 + (cached ?? 0) + written },
                outputTokens: usage["output_tokens"].count,
                cachedInputTokens: fresh == nil ? nil : cached,
                model: self["message"]["model"].name))
    }
}
