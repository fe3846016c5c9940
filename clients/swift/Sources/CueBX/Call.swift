import Synchronization

/// After so long a disk that does not answer is taken for broken.
let diskTimeout = Duration.seconds(30)
/// By so much a canceled task is kept until its outcome is on the disk.
private let canceledWaits = Duration.milliseconds(50)

/// What the body of a metered call has: tell by it what was used, or that it failed.
public final class Call: Sendable, CustomStringConvertible {
    /// What the host has told.
    struct Told: Sendable {
        var settled: JSONObject?
        var failure: UsageFailure?
        var result: UsageResult?
        var mustStop = false
    }

    let engine: Engine
    let asking: Asking
    let usage: Usage
    /// What validate has held.
    let held: String
    let began = ContinuousClock.now
    @ClientActor var production: Production?
    /// How many tokens a tenth of the hold is; unknown until something was charged.
    @ClientActor var tokensOfATenth = Double.infinity
    @ClientActor private var hasEnded = false
    @ClientActor private var canRaise = true
    private let told = Mutex(Told())
    /// A client that nobody holds any more closes itself.
    private let client: Client

    @ClientActor
    init(_ engine: Engine, _ asking: Asking, _ usage: Usage, client: Client) {
        self.engine = engine
        self.asking = asking
        self.usage = usage
        self.client = client
        held = usage.creditsReserved
        engine.keepAlive(usage) { [weak self] in self?.extensionRefused() }
    }

    public var description: String { "Call(\(asking.feature), \(usageId))" }

    public var usageId: String { usage.usageId }
    /// Empty of a customer's call.
    public var userId: String { usage.userId }
    /// Of a customer's call; else empty.
    public var clientId: String { usage.clientId }
    /// Whether a customer asked with a test key: it costs nothing; answer canned data.
    public var isTestKey: Bool { usage.isTest }
    /// A decimal text: what is held now.
    public var creditsReserved: String { usage.creditsReserved }
    /// The call's name; the same request id and payload never run twice.
    public var requestId: String { asking.request.requestId ?? "" }

    /// What the call used, in total; the last word before the end counts. Left out, the whole hold
    /// is charged. Throws `invalidRequest` for what the service would not take.
    /// - credits: a decimal text, e.g. "0.25", instead of tokens; beside what was captured before.
    public func settle(
        inputTokens: Int? = nil, outputTokens: Int? = nil, cachedInputTokens: Int? = nil,
        reasoningTokens: Int? = nil, model: String? = nil, credits: String? = nil
    ) throws(CueBXError) {
        let used = UsageMetrics(
            modelUsed: model.flatMap { $0.isEmpty ? nil : Limits.shown($0) },
            inputTokens: inputTokens, outputTokens: outputTokens,
            cachedInputTokens: cachedInputTokens, reasoningTokens: reasoningTokens)
        try Limits.settlement(used, credits: credits)
        var settled = used.json
        settled.set("credits", credits)
        let whole = settled
        told.withLock { $0.settled = whole }
    }

    /// The call has failed, though its body returns: what it holds is given back. Throws
    /// `invalidRequest` for a type that a commit cannot tell.
    /// - reason: one sentence.
    public func fail(_ type: FailureType, _ reason: String) throws(CueBXError) {
        try Limits.failureType(type)
        told.withLock { $0.failure = UsageFailure(failureType: type, reason: reason) }
    }

    /// What the user finds in their history, if the call succeeds; the last word before the end
    /// counts. It is told with the outcome, and lies in no spool unless `spoolResults` says so.
    /// Throws `invalidRequest` for what the service would not take. A customer's call has no
    /// history, nor has one that runs unasked.
    /// - title: 1 to 255 characters.
    /// - data: at most 256 KiB, nested at most 20 deep.
    public func keepResult(title: String, data: JSON) throws(CueBXError) {
        if !clientId.isEmpty { throw Limits.refusal("result", "is kept for users alone") }
        try Limits.result(title: title, data: data)
        var result = UsageResult([:])
        result.json["title"] = .string(title)
        result.json["data"] = data
        let kept = result
        told.withLock { $0.result = kept }
    }

    /// Throws `holdEnded` if the hold could not be prolonged and the client is to stop then.
    public func check() throws {
        if told.withLock({ $0.mustStop }) {
            throw CueBXError(.holdEnded, "The hold could not be prolonged.")
        }
    }

    /// Asks, in the background, for more time or more credits than what is held. Throws
    /// `invalidRequest` for what the service would not take.
    public func extend(
        holdSeconds: Int? = nil, additionalCredits: String? = nil
    ) throws(CueBXError) {
        try Limits.holdSeconds(holdSeconds)
        try Limits.amount("additional_credits", additionalCredits)
        let asked = UsageExtendRequest(
            holdSeconds: holdSeconds, additionalCredits: additionalCredits
        ).json
        Task { @ClientActor in
            engine.extend(usage, asked) { self.extensionRefused() }
        }
    }

    /// Ends the call: with an error it failed. Returns once the outcome is on the disk; the service
    /// is told in the background. `metered` does this; it is for calls of `begin` alone, and the
    /// first end counts.
    public func end(_ error: (any Error)? = nil) async {
        await finish(error.map { ($0, failureType(of: $0)) })
    }

    @ClientActor
    private func finish(_ error: (any Error, FailureType)?) async {
        if hasEnded { return }
        hasEnded = true
        var told = told.withLock { $0 }
        if let (error, type) = error, told.failure == nil {
            let known = Limits.failureTypes.contains(type) ? type : .internalError
            told.failure = UsageFailure(failureType: known, reason: "\(Swift.type(of: error))")
        }
        let operations = isJournaled ? recorded(told) : outcome(told)
        asking.ended(operations, told.failure?.failureType)
        if operations.isEmpty { return engine.drop(usage) }
        let written = engine.finish(usage, operations)
        let patience = Task.isCancelled ? canceledWaits : diskTimeout
        _ = await written.wait(for: patience, heedsCancellation: false)
    }

    /// By what was held at first; once it is refused, it is not asked for again.
    @ClientActor
    func raiseHold() {
        guard usage.isOpen, canRaise else { return }
        engine.extend(usage, ["additional_credits": .string(held)]) {
            self.canRaise = false
            self.extensionRefused()
        }
    }

    func extensionRefused() {
        if engine.options.ifExtensionRefused == .stop { told.withLock { $0.mustStop = true } }
    }
}
