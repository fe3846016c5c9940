/// Of all that may run in an outage, one user's part: one of so many.
private let partsOfUsers = 10
/// A gateway's, or the service's own: nothing was decided.
private let outageStatuses: Set = [502, 503]
private let mostFeatures = 4_096
private let journalPrefix = "journal-"
/// So many of the requests that ran last are known, and up to as many before them.
private let mostFinished = 16_384

/// Whether it names a call that ran unasked: the service has no such usage.
func isJournal(_ usageId: String) -> Bool {
    usageId.hasPrefix(journalPrefix)
}

/// A call that runs unasked. The id is the same for the same call.
struct Journal: Sendable {
    let usageId: String
    let userId: String
    /// What it counts against the ceiling.
    let credits: String
    /// What `record` is told of it, but for what it used.
    let body: JSONObject
}

/// Counts what runs unasked, before it runs, until the service has acknowledged it.
@ClientActor
final class Outage {
    struct Held {
        let userId: String
        let micros: Int
        /// In Unix seconds.
        let ranAt: Double
    }

    /// The instants of the two clocks: one that cannot jump, and Unix seconds.
    struct Moment {
        var at = ContinuousClock.now
        var unix = Double(unixMilliseconds()) / 1000
    }

    private let policy: OutagePolicy
    private let events: Events
    private let now: @ClientActor () -> Moment
    /// When the service last decided anything; nil: never.
    var heardAt: Instant?
    private var held: [String: Held] = [:]
    /// Requests that ran, or run by the service's leave, and do not count: by their names, the
    /// usage of each; and those that ran before them.
    private var (finished, finishedBefore) = ([String: String](), [String: String]())
    /// What the features held when they were last asked for.
    private var holds: [String: String] = [:]
    private var isChanged = false
    /// When the first call ran unasked.
    private var began: Moment?

    init(
        _ policy: OutagePolicy, events: Events,
        now: @escaping @ClientActor () -> Moment = { Moment() }
    ) {
        self.policy = policy
        self.events = events
        self.now = now
    }

    var mayOpen: Bool {
        if case .failOpenWithJournal = policy { true } else { false }
    }

    /// Whether a call has run unasked and nothing was heard of the service since.
    var isOn: Bool {
        guard let began else { return false }
        return heardAt.map { $0 < began.at } ?? true
    }

    /// Whether nothing was decided because the service is away, and never because of what it says.
    /// - reply: nil: the budget was over before anything came.
    func isOf(_ operation: Operation, _ reply: Reply?, askedAt: Instant) -> Bool {
        var last = operation.last
        switch reply {
        case .success: last = reply
        case .failure(let none) where none.isOutage: last = reply
        default: break
        }
        switch last {
        case nil: return heardAt.map { $0 < askedAt } ?? true
        case .failure(let none): return none.isOutage
        case .success(let answer): return outageStatuses.contains(answer.status)
        }
    }

    // What features hold

    func saw(_ feature: String, _ credits: String) {
        guard mayOpen, holds[feature] != credits else { return }
        guard holds[feature] != nil || holds.count < mostFeatures else { return }
        holds[feature] = credits
        isChanged = true
    }

    /// What processes before this one saw; what this one saw counts more.
    func sawBefore(_ told: JSONObject) {
        guard mayOpen else { return }
        for member in told.members.suffix(mostFeatures) where holds[member.name] == nil {
            guard let credits = member.value.text, Limits.isAmount(credits) else { continue }
            holds[member.name] = credits
        }
    }

    /// What was seen and is not on the disk yet.
    func takeChanges() -> JSONObject? {
        guard isChanged else { return nil }
        isChanged = false
        var changes = JSONObject()
        for (feature, credits) in holds { changes[feature] = .string(credits) }
        return changes
    }

    // What runs

    /// Nil if it may not run. Throws `invalidToken` if the host says that the token is not good;
    /// `alreadyRunning`, `alreadyFinished` if the same call ran before, as far as this process
    /// knows.
    /// - ranAt: by the service's clock, in Unix seconds.
    func open(
        _ asking: Asking, ranAt: Double, isRunning: (String) -> Bool
    ) async throws -> Journal? {
        guard case .failOpenWithJournal(let most, let duration, let verify) = policy else {
            return nil
        }
        let userId = try await userId(of: asking.token?.text ?? "", verify)
        let request = asking.request
        let requestId = request.requestId ?? ""
        let usageId = Self.name(of: asking, userId)
        if let known = known(as: usageId) {
            throw CueBXError.hasRun(known, isRunning: isRunning(known))
        }
        let credits = holds[asking.feature]
        let reason =
            credits.map {
                reserve(
                    usageId, Held(userId: userId, micros: Micros($0).value, ranAt: ranAt),
                    Micros(most).value, duration)
            } ?? "the feature's hold was never seen"
        guard let credits, reason.isEmpty else {
            events.tell("outage_refused", ["feature": asking.feature, "reason": reason])
            return nil
        }
        events.tell(
            "journaled",
            [
                "feature": asking.feature, "usage_id": usageId, "credits": credits,
                "total": Micros(value: total).decimal,
            ])
        return Journal(
            usageId: usageId, userId: userId, credits: credits,
            body: [
                "user_id": .string(userId), "request_id": .string(requestId),
                "feature_key": .string(asking.feature),
                "payload_hash": .string(request.payloadHash ?? ""),
                "ran_at": .string(wireInstant(ofUnixSeconds: Int(ranAt))),
            ])
    }

    private func userId(
        of token: String, _ verify: OutagePolicy.VerifyToken
    ) async throws -> String {
        do {
            if let userId = try await verify(token), Limits.isText(userId) { return userId }
        } catch {
            // What it says may quote the token.
        }
        throw Limits.invalidToken
    }

    /// The usage of a call that runs unasked; the same for the same call.
    static func name(of asking: Asking, _ userId: String) -> String {
        let request = asking.request
        let key: JSON = [
            .string(userId), .string(request.requestId ?? ""), .string(request.payloadHash ?? ""),
        ]
        return journalPrefix + SHA256.hex(of: key.encoded()).prefix(32)
    }

    /// The usage of the request of that name, if it ran or runs, as far as this process knows.
    func known(as name: String) -> String? {
        held[name] != nil ? name : finished[name] ?? finishedBefore[name]
    }

    /// Why it may not run; an empty text: it is counted.
    private func reserve(
        _ usageId: String, _ call: Held, _ most: Int, _ duration: Duration
    ) -> String {
        let now = now()
        let known = isOn ? self.began : nil
        let began = known ?? Moment(at: now.at, unix: first(now.unix))
        let lasted = max((now.at - began.at).seconds, now.unix - began.unix)
        if lasted > duration.seconds { return "the outage lasts too long" }
        let users = held.values.reduce(0) { $1.userId == call.userId ? $0 + $1.micros : $0 }
        if users + call.micros > most / partsOfUsers { return "the user's part is used up" }
        if total + call.micros > most { return "the ceiling is reached" }
        held[usageId] = call
        if known == nil {
            self.began = began
            events.tell("outage_opened")
        }
        return ""
    }

    /// When an outage began that is met now: a process that begins in one goes on with its files'.
    private func first(_ now: Double) -> Double {
        if heardAt != nil { return now }
        return held.values.map(\.ranAt).min().map { min($0, now) } ?? now
    }

    var total: Int { held.values.reduce(0) { $0 + $1.micros } }

    /// What a process before this one ran counts until it is told.
    /// - counted: what it counted there; of an older client's it is not known.
    func adopt(_ usageId: String, _ body: JSONObject, counted: String? = nil) {
        let ranAt: String? = body.value("ran_at")
        let feature: String? = body.value("feature_key")
        let known = counted.flatMap { Limits.isAmount($0) ? $0 : nil }
        let credits = known ?? feature.flatMap { holds[$0] }
        let seconds = ranAt.flatMap(unixSeconds(ofWireInstant:))
        held[usageId] = Held(
            userId: body.value("user_id") ?? "",
            micros: credits.map { Micros($0).value } ?? 0,
            ranAt: seconds.map(Double.init) ?? now().unix)
    }

    /// It does not run after all.
    func forget(_ usageId: String) {
        held[usageId] = nil
    }

    func acknowledged(_ usageId: String) {
        held[usageId] = nil
        finish(usageId, usageId)
    }

    /// The service has granted the request of that name, and would not grant it again.
    func granted(_ name: String, _ usageId: String) {
        if mayOpen { finish(name, usageId) }
    }

    private func finish(_ name: String, _ usageId: String) {
        finished[name] = usageId
        guard finished.count >= mostFinished else { return }
        finishedBefore = finished
        finished = [:]
    }
}

extension CueBXError {
    /// What the service would say of a request that ran unasked, were it told already.
    static func hasRun(_ usageId: String, isRunning: Bool) -> CueBXError {
        var error = CueBXError(
            isRunning ? .alreadyRunning : .alreadyFinished, "This request has run already.")
        error.status = isRunning ? 200 : 409
        error.code = isRunning ? "replayed" : "request_already_finished"
        error.usageId = usageId
        return error
    }
}
