/// The way into a call: validate, and its `open` on the disk. Whoever waits may go away at any
/// time; what was granted is then given back.
@ClientActor
final class Entry {
    private let engine: Engine
    private let asking: Asking
    private let answered = Signal()
    private let deadline: Instant
    private let askedAt = ContinuousClock.now
    private var operation: Operation?
    /// What was asked, once it was answered.
    private var asked: Operation?
    private var outcome: Result<Usage, CueBXError>?
    /// Before its beginning is on the disk.
    private var granted: Usage?
    private var isAbandoned = false
    /// Nothing was decided since the service is away: then the call may run unasked.
    private var isOutage = false
    /// It runs unasked: what validate may have held, the record of the call commits.
    private var isJournaled = false
    /// It ran unasked and ended with nothing to record: what validate may have held is given back.
    private var isDropped = false
    /// What came of the validate.
    private var reply: Reply?

    init(_ engine: Engine, _ asking: Asking) {
        self.engine = engine
        self.asking = asking
        deadline = .now + engine.options.validateBudget
        // Once it is known that the service is away, no user waits for the whole budget. A
        // customer's call cannot run unasked.
        let isTriedOnce = asking.customer == nil && engine.outage.isOn
        let left = isTriedOnce ? 0 : asking.secondsOfToken(clockOffset: engine.clockOffset)
        let operation = Operation(
            "validate", asking.request.json, token: asking.token,
            apiKey: asking.customer?.apiKey, deadline: deadline,
            retryUntil: left.map { .now + .seconds(max(-1, min($0, 1e9))) }
        ) { self.answered($0) }
        self.operation = operation
        engine.sender.submit(operation)
    }

    /// Throws what keeps the call from running; `CancellationError` if the task was canceled.
    func call(of client: Client) async throws -> Call {
        _ = await answered.wait(for: max(.zero, deadline - .now))
        if let unasked = try await unasked(client) { return unasked }
        guard let outcome else {
            goAway()
            try Task.checkCancellation()
            let late = CueBXError(.unavailable, "The service did not answer within the budget.")
            asking.notGranted(late)
            throw late
        }
        switch outcome {
        case .failure(let error):
            asking.notGranted(error)
            if error.isRefusal {
                engine.events.tell(
                    "refused", ["feature": asking.feature, "code": error.code ?? ""])
            }
            throw error
        case .success(let usage):
            let call = Call(engine, asking, usage, client: client)
            asking.granted(usage)
            if Task.isCancelled {
                await call.end(CancellationError())
                throw CancellationError()
            }
            engine.events.tell("granted", ["feature": asking.feature, "usage_id": usage.usageId])
            return call
        }
    }

    /// Whether it may run unasked: only a user's call can be recorded afterwards.
    private var mayOpen: Bool { asking.customer == nil && engine.mayOpen }

    /// What comes from now on is given back.
    private func goAway() {
        isAbandoned = true
        if let operation { engine.sender.abandon(operation) }
    }

    /// The call, if it runs all the same: the service is away and the host's policy allows it.
    /// Throws what a service that is there would refuse.
    private func unasked(_ client: Client) async throws -> Call? {
        if mayOpen, outcome == nil, !Task.isCancelled, let operation {
            isOutage = engine.outage.isOf(operation, nil, askedAt: askedAt)
        }
        guard isOutage, let journal = try await journal() else { return nil }
        // Something may have come while the host judged the token.
        var isDecided = granted != nil
        if case .failure(let error) = outcome { isDecided = error.kind != .unavailable }
        if isDecided {
            engine.outage.forget(journal.usageId)
            _ = await answered.wait(for: diskTimeout, heedsCancellation: false)
            return nil
        }
        isJournaled = true
        if let operation { engine.sender.drop(operation) }
        let usage = try await engine.begin(journal) { self.dropped() }
        let call = Call(engine, asking, usage, client: client)
        asking.granted(usage)
        if Task.isCancelled {
            await call.end(CancellationError())
            throw CancellationError()
        }
        return call
    }

    /// If it does not run, what validate may hold is given back.
    private func journal() async throws -> Journal? {
        let ranAt = Double(unixMilliseconds()) / 1000 + engine.clockOffset
        do {
            let journal = try await engine.outage.open(asking, ranAt: ranAt) {
                engine.usages[$0]?.isOpen ?? false
            }
            if journal == nil { closed() }
            return journal
        } catch {
            closed()
            if outcome == nil { goAway() }
            throw error
        }
    }

    private func closed() {
        isOutage = false
        if outcome != nil { askOn() }
    }

    private func answered(_ reply: Reply) {
        self.reply = reply
        if isJournaled {
            // Each holds the other.
            asked = operation
            asked?.done = { _ in }
            operation = nil
            if isDropped { leftOver(reply) }
            return
        }
        guard case .success(let answer) = reply else {
            return notAnswered(
                CueBXError(.unavailable, "The service could not be asked: \(reply.message)."),
                reply)
        }
        engine.noteTime(answer)
        if let error = error(of: answer) {
            return error.kind == .unavailable
                ? notAnswered(error, reply) : resolve(.failure(error))
        }
        let usage = engine.register(answer, asking)
        granted = usage
        if asking.customer == nil { engine.outage.saw(asking.feature, usage.creditsReserved) }
        if let ran = engine.ran(asking, usage) { return resolve(.failure(ran)) }
        // Until it is on the disk it is not settled, or a client that closes would not wait for it.
        engine.sender.count(1)
        engine.spool.append(usage.opened()) { hasFailed in
            if hasFailed {
                self.engine.giveBack(usage)
                self.resolve(
                    .failure(CueBXError(.spoolUnavailable, "The spool cannot be written.")))
            } else {
                self.resolve(.success(usage))
            }
            self.engine.sender.count(-1)
        }
    }

    /// The budget is over. Whoever waits decides whether the call runs all the same.
    private func notAnswered(_ error: CueBXError, _ reply: Reply) {
        if mayOpen, outcome == nil, let operation {
            isOutage = engine.outage.isOf(operation, reply, askedAt: askedAt)
        }
        resolve(.failure(error))
        if !isOutage { askOn() }
    }

    /// The call ran unasked, and no record of it commits what validate may have held.
    private func dropped() {
        isDropped = true
        if let reply { leftOver(reply) }
    }

    private func leftOver(_ reply: Reply) {
        guard case .success(let answer) = reply else { return askOn() }
        switch error(of: answer)?.kind {
        case nil:
            let usage = engine.register(answer, asking)
            if engine.ran(asking, usage) == nil { engine.giveBack(usage) }
        case .unavailable: askOn()
        default: break
        }
    }

    /// If the service may hold something, it is asked on in the background, and what it has granted
    /// is given back.
    private func askOn() {
        guard let asked, asked.isUnsure, !isAbandoned else { return }
        isAbandoned = true
        let again = Operation(
            "validate", asked.body, token: asked.token, apiKey: asked.apiKey,
            deadline: .now + askedInTheBackground, retryUntil: asked.retryUntil
        ) { self.answered($0) }
        again.isUnsure = true
        again.isAbandoned = true
        self.asked = nil
        operation = again
        engine.sender.submit(again)
    }

    private func resolve(_ outcome: Result<Usage, CueBXError>) {
        // Whoever waited is told; what comes later is no news for them.
        if self.outcome == nil { self.outcome = outcome }
        // Each holds the other.
        asked = operation
        asked?.done = { _ in }
        operation = nil
        answered.set()
        if isAbandoned, case .success(let usage) = outcome { engine.giveBack(usage) }
    }

    private func error(of answer: Answer) -> CueBXError? {
        let granted = UsageValidateResponse(answer.body)
        if answer.status == 200 && granted.access == .granted {
            let isOwn = granted.code != .replayed || (operation ?? asked)?.isUnsure ?? false
            if isOwn && engine.usages[granted.usageId ?? ""] == nil { return nil }
            var error = refusal(answer, .alreadyRunning, "This request is running already.")
            error.code = UsageDecision.replayed.rawValue
            return error
        }
        if [408, 502, 503, 504].contains(answer.status) {
            var error = CueBXError(.unavailable, answer.message)
            error.retryAfter = answer.retryAfter
            return error
        }
        if answer.status >= 500 || answer.status < 400 || answer.isNoAddress {
            var error = CueBXError(.serviceError, answer.message)
            error.status = answer.status
            error.code = answer.code
            error.requestId = answer.headers["x-request-id"]
            return error
        }
        let kind =
            CueBXError.byCode[answer.code] ?? CueBXError.byStatus[answer.status] ?? .refused
        let isOver = kind == .invalidToken && asking.isTokenOver(clockOffset: engine.clockOffset)
        return refusal(answer, isOver ? .tokenExpired : kind)
    }
}

private func refusal(
    _ answer: Answer, _ kind: CueBXError.Kind, _ message: String? = nil
) -> CueBXError {
    let fields: [JSONObject] = answer.body.value("errors") ?? []
    var text = message ?? answer.message
    if kind == .invalidRequest && !fields.isEmpty {
        let told = fields.prefix(5).map { field in
            let place: [String] = field.value("loc") ?? []
            return "\(place.dropFirst().joined(separator: ".")) \(field.value("msg") ?? "")"
        }
        text += " " + told.joined(separator: "; ")
    }
    var error = CueBXError(kind, text)
    error.status = answer.status
    error.code = answer.code
    error.retryAfter = answer.retryAfter
    error.usageId = answer.body.value("usage_id")
    error.usageStatus = answer.body.value("status")
    error.requestId = answer.headers["x-request-id"]
    error.fields = fields
    return error
}
