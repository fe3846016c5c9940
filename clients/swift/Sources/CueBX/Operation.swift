/// What the service has answered.
/// - headers: with names in lower case.
/// - body: empty if there was none.
struct Answer: Sendable {
    let status: Int
    let headers: [String: String]
    let body: JSONObject
    var received = ContinuousClock.now

    var code: String { body.value("code") ?? "" }

    var message: String {
        let told: String? = body.value("message") ?? body.value("detail")
        return told.flatMap { $0.isEmpty ? nil : $0 } ?? "HTTP \(status)"
    }

    /// Dates, which the service never sends, are left aside.
    var retryAfter: Duration? {
        guard let seconds = headers["retry-after"].flatMap(Double.init), seconds.isFinite else {
            return nil
        }
        return .seconds(max(0, min(seconds, 1e9)))
    }

    /// Whether the service has said it, not a gateway before it: each of its refusals has a code,
    /// each of its decisions a message.
    var isOwn: Bool { !code.isEmpty || body["message"] != nil }

    /// Whether a 401 is a decision on the customer's key; any other is about the tool server's own.
    var isCustomers: Bool { code == "invalid_api_key" }

    /// The service's own 404 of an address that it does not have; not a gateway's, nor that of a
    /// usage that it does not know.
    var isNoAddress: Bool {
        (status == 404 || status == 405) && ["not_found", "method_not_allowed"].contains(code)
    }

    /// An older service: it has no such address, or no such operation of a batch.
    var isUnknownVerb: Bool {
        isNoAddress || hasError { $0["loc"] == .array(["body", "op"]) }
    }

    /// Whether the answer is a 422 with such an error.
    func hasError(_ isSuch: (JSONObject) -> Bool) -> Bool {
        let errors: [JSONObject] = body.value("errors") ?? []
        return status == 422 && errors.contains(where: isSuch)
    }

    /// When the service answered, in Unix seconds.
    var date: Int? { headers["date"].flatMap(unixSeconds(ofHTTPDate:)) }

    /// What is left of the hold by the service's own clock, counted from now by ours that cannot
    /// jump; nil if the service does not say.
    var holdEnds: Instant? {
        let told: String? = body.value("expires_at")
        guard let ends = told.flatMap(unixSeconds(ofWireInstant:)), let date else { return nil }
        return received + .seconds(ends - date)
    }
}

/// - wasSent: the service may have seen the operation.
/// - isOutage: it could not be reached, or did not answer in time.
struct NoAnswer: Error {
    let message: String
    let wasSent: Bool
    var isOutage = false
}

typealias Reply = Result<Answer, NoAnswer>

extension Reply {
    var message: String {
        switch self {
        case .success(let answer): answer.message
        case .failure(let none): none.message
        }
    }
}

/// Where calls are told: those of users, and those of customers by key.
enum Product: String, Sendable, CaseIterable {
    case career = "/career/internal/usage/"
    case api = "/api/internal/usage/"
}

/// One call of the internal API, sent until its answer is final.
@ClientActor
final class Operation {
    let name: String
    var body: JSONObject { didSet { encoded = nil } }
    /// The user's. Neither it nor `apiKey` is ever a part of the body.
    let token: Secret?
    /// The customer's.
    let apiKey: Secret?
    /// Nobody waits for it after that; nil: forever.
    var deadline: Instant?
    /// No further try begins after it.
    let retryUntil: Instant?
    /// What a spool still held: it never delays live calls.
    let isRest: Bool
    /// A part of an outcome, as a commit is: sent until the service has judged it.
    let mustBeTold: Bool
    var isAbandoned = false
    /// The service may have carried it out.
    var isUnsure = false
    var attempts = 0
    /// What came of it last.
    var last: Reply?
    /// Called once, with what came of it.
    var done: @ClientActor (Reply) -> Void
    private var encoded: [UInt8]?

    init(
        _ name: String, _ body: JSONObject, token: Secret? = nil, apiKey: Secret? = nil,
        deadline: Instant?, retryUntil: Instant? = nil, isRest: Bool = false,
        mustBeTold: Bool? = nil,
        done: @escaping @ClientActor (Reply) -> Void
    ) {
        self.name = name
        self.body = body
        self.token = token
        self.apiKey = apiKey
        self.deadline = deadline
        self.retryUntil = retryUntil
        self.isRest = isRest
        self.mustBeTold = mustBeTold ?? (name == "commit")
        self.done = done
    }

    /// By its body, as the spool has it, too.
    var product: Product { body["client_id"] == nil ? .career : .api }

    /// The body as the service gets it.
    var sent: JSONObject {
        guard let apiKey else { return body }
        return body.merging(["api_key": .string(apiKey.text)])
    }

    /// As a batch has it; the same bytes at each try.
    var element: [UInt8] {
        if let encoded { return encoded }
        var operation = JSONObject.operation(name, sent)
        if let token { operation["token"] = .string(token.text) }
        let bytes = JSON.object(operation).encoded()
        encoded = bytes
        return bytes
    }

    /// Whether it need not be sent: its time has passed, or nobody waits and nothing can be held.
    func isOver(at now: Instant) -> Bool {
        if let deadline, now >= deadline { return true }
        return isAbandoned && !isUnsure
    }
}
