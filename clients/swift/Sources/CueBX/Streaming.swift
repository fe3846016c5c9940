extension Call {
    /// The source's chunks, counted and captured as they are handed out.
    /// - reading: what a chunk says: the bytes of its text, and what the provider counted so far.
    public func stream<Source: AsyncSequence>(
        _ source: Source, reading: @escaping @Sendable (Source.Element) -> ChunkContent
    ) -> MeteredChunks<Source> {
        MeteredChunks(source: source, call: self, reading: reading)
    }

    /// The same for chunks that say it themselves: texts, bytes, JSON of OpenAI's and Anthropic's
    /// shapes, and your own.
    public func stream<Source: AsyncSequence>(_ source: Source) -> MeteredChunks<Source>
    where Source.Element: MeteredChunk {
        stream(source, reading: \.content)
    }

    /// Counts a chunk that is handed out, for streams that are no sequences. Throws `holdEnded` as
    /// `check` does. The first of a call that runs unasked is on the disk then.
    public func produced(_ chunk: ChunkContent) async throws {
        try check()
        try await add(chunk)
    }

    @ClientActor
    private func add(_ chunk: ChunkContent) async throws {
        let production = production ?? Production()
        if self.production == nil {
            self.production = production
            captureLater(production)
        }
        production.add(chunk)
        if isJournaled && production.chunks == 1 { return try await noteFirst(production) }
        if Double(production.uncaptured) >= tokensOfATenth { capture(production) }
    }

    /// A timer, since a provider may pause after any chunk.
    @ClientActor
    private func captureLater(_ production: Production) {
        engine.sender.later(engine.options.captureEvery) { [weak self] in
            guard let self, usage.isOpen else { return }
            capture(production)
            captureLater(production)
        }
    }

    @ClientActor
    private func capture(_ production: Production) {
        if isJournaled { return notePart(production) }
        // Without a model the service would take all that is held.
        guard model != nil, !usage.isTakenWhole, usage.isOpen, engine.canCapture(usage),
            let whole = production.part()
        else { return }
        let part = whole.bounded(by: Limits.mostTokens)
        let body = captureBody(production.metrics(part), "c\(production.captures + 1)")
        production.take(part)
        engine.capture(
            usage, body, taken: { self.captured(production, $0) },
            notTaken: { self.notCaptured(production, part, body, isExceeded: $0) })
    }

    /// By what was charged so far it is known how many tokens a tenth of the hold is; a stream that
    /// has less than half of it left, and goes on, is given as much again.
    @ClientActor
    private func captured(_ production: Production, _ answer: Answer) {
        let told = UsageHoldResponse(answer.body)
        guard asking.estimate != nil, let charged = told.creditsCharged.flatMap(Double.init),
            let left = told.creditsReserved.flatMap(Double.init), let held = Double(held),
            charged > 0, held > 0
        else { return }
        tokensOfATenth = max(1, Double(production.capturedTokens) * held / charged / 10)
        if left * 2 < held { raiseHold() }
    }

    /// The part is charged later: with the next capture, once more is held, or by the commit.
    @ClientActor
    private func notCaptured(
        _ production: Production, _ part: Production.Tokens, _ body: JSONObject, isExceeded: Bool
    ) {
        if usage.isOpen {
            production.giveBack(part)
            // Not at each chunk from now on, but as the timer has it.
            tokensOfATenth = .infinity
        } else {
            engine.owe(usage, body)
        }
        if isExceeded && asking.estimate != nil { raiseHold() }
    }

    /// What the provider says that it is, else what was announced.
    @ClientActor
    var model: String? {
        (production?.model ?? asking.estimate?.model).map { Limits.shown($0) }
    }

    /// - name: of the part, unique in the call but for what is drawn.
    @ClientActor
    func captureBody(_ part: UsageMetrics, _ name: String) -> JSONObject {
        var metrics = part
        metrics.modelUsed = part.modelUsed ?? model
        return usage.named.merging(
            UsageCaptureRequest(captureId: "\(name)-\(newId())", metrics: metrics).json)
    }
}

/// A stream's chunks, each counted before it is handed out.
public struct MeteredChunks<Source: AsyncSequence>: AsyncSequence {
    public typealias Element = Source.Element
    public typealias Failure = any Error

    let source: Source
    let call: Call
    let reading: @Sendable (Element) -> ChunkContent

    public func makeAsyncIterator() -> Iterator {
        Iterator(source: source.makeAsyncIterator(), call: call, reading: reading)
    }

    public struct Iterator: AsyncIteratorProtocol {
        var source: Source.AsyncIterator
        let call: Call
        let reading: @Sendable (Element) -> ChunkContent

        public mutating func next() async throws -> Element? {
            try await next(isolation: nil)
        }

        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws -> Element? {
            guard let chunk = try await source.next(isolation: actor) else { return nil }
            try await call.produced(reading(chunk))
            return chunk
        }
    }
}

extension MeteredChunks: Sendable where Source: Sendable {}
