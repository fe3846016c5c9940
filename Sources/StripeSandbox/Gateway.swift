import Foundation
import JSON

/// One HTTP request, read in full.
struct Call: Sendable {
    var method: String
    var path: String
    var query: String
    var body: String
    var authorization: String?
    var idempotencyKey: String?
    var version: String?
    var contentType: String?
}

/// What goes back. A call that a fault strikes may have its connection closed instead.
struct Answer: Sendable {
    var status: Int
    var headers: [(name: String, value: String)] = []
    var body: String
    var contentType = "application/json"
    var closesConnection = false

    static func json(_ value: JSONValue, status: Int = 200) -> Answer {
        Answer(status: status, body: value.prettyText)
    }
}

/// The front of the API: keys, parameters, idempotency, faults, the log. The endpoints behind it
/// see only requests that are in order.
struct Gateway: Sendable {
    let sandbox: Sandbox

    func answer(_ call: Call) async -> Answer {
        var identity = RequestIdentity(
            id: Identifiers.make("req", length: 14), idempotencyKey: call.idempotencyKey)
        var answer: Answer
        do {
            if let asked = call.version {
                guard let version = APIVersion(asked) else {
                    throw StripeError.invalid("Invalid Stripe API version: \(asked)")
                }
                identity.version = version
            }
            answer = try await handled(call, identity)
        } catch let error as StripeError {
            answer = .json(error.body, status: error.status)
        } catch {
            sandbox.logger.error("a call failed", metadata: ["error": "\(error)"])
            let failure = StripeError(500, "api_error", "The sandbox failed: \(error)")
            answer = .json(failure.body, status: 500)
        }
        answer.headers.append(("request-id", identity.id ?? ""))
        answer.headers.append(("stripe-version", identity.version.description))
        if let key = call.idempotencyKey { answer.headers.append(("idempotency-key", key)) }
        return answer
    }

    private func handled(_ call: Call, _ identity: RequestIdentity) async throws -> Answer {
        try APIKeys.check(call.authorization)
        let path = call.path.split(separator: "/")
        let match = Route.all.lazy.compactMap { route in
            route.match(call.method, path).map { (route: route, id: $0) }
        }.first
        guard let match else {
            throw StripeError(
                404, "invalid_request_error",
                "Unrecognized request URL (\(call.method): \(call.path)).")
        }
        let parameters = try decoded(call)
        log(call, parameters)
        try parameters.check(allowed: match.route.parameters)
        guard call.method == "POST", let key = call.idempotencyKey else {
            return try await struck(call, parameters) {
                try await carryOut(match.route, match.id, parameters, call, identity)
            }
        }
        guard !key.isEmpty, key.count <= Account.maximumKeyLength else {
            throw StripeError.invalid("Idempotency keys have 1 to 255 characters.")
        }
        guard sandbox.reserve(key) else {
            throw StripeError(
                409, "idempotency_error",
                "There is currently another in-progress request using this Idempotent Key "
                    + "(that probably means you submitted twice, and the other request is "
                    + "still going through): \(key).", code: "idempotency_key_in_use")
        }
        defer { sandbox.release(key) }
        return try await struck(call, parameters) {
            try await carryOut(match.route, match.id, parameters, call, identity)
        }
    }

    private func decoded(_ call: Call) throws -> Parameters {
        if !call.body.isEmpty, let type = call.contentType?.lowercased(),
            !type.hasPrefix("application/x-www-form-urlencoded")
        {
            throw StripeError.invalid(
                "Invalid request: the body must be application/x-www-form-urlencoded.")
        }
        guard !call.query.isEmpty else { return try Parameters(form: call.body) }
        guard !call.body.isEmpty else { return try Parameters(form: call.query) }
        return try Parameters(form: call.query + "&" + call.body)
    }

    private func log(_ call: Call, _ parameters: Parameters) {
        let members = parameters.entries.map { (key: $0.name, value: JSONValue.string($0.value)) }
        sandbox.knobs.log([
            "method": .string(call.method), "path": .string(call.path),
            "params": .object(JSONObject(members)), "idempotency_key": .text(call.idempotencyKey),
        ])
    }

    /// Runs a call unless, or until, a fault strikes it.
    private func struck(
        _ call: Call, _ parameters: Parameters, _ run: () async throws -> Answer
    ) async throws -> Answer {
        guard let fault = sandbox.knobs.takeFault(method: call.method, path: call.path) else {
            return try await run()
        }
        switch fault.kind {
        case .status:
            let error = StripeError(
                fault.status, fault.status == 429 ? "invalid_request_error" : "api_error",
                "A fault that a test asked for.", code: fault.status == 429 ? "rate_limit" : nil)
            var answer = Answer.json(error.body, status: fault.status)
            if fault.status == 429 {
                answer.headers.append(("stripe-rate-limited-reason", "global-rate"))
            }
            if let retry = fault.shouldRetry {
                answer.headers.append(("stripe-should-retry", retry ? "true" : "false"))
            }
            return answer
        case .stored: return try await stored(fault, call, parameters, run)
        case .hang:
            try await Task.sleep(for: fault.delay)
            return try await run()
        case .dropBefore:
            return Answer(status: 500, body: "", closesConnection: true)
        case .dropAfter:
            var answer = try await run()
            answer.closesConnection = true
            return answer
        }
    }

    /// Stripe keeps the answer to a key, a 500 too, once it has begun to carry the request out: who
    /// retries with the same key gets it again for a day.
    private func stored(
        _ fault: TestKnobs.Fault, _ call: Call, _ parameters: Parameters,
        _ run: () async throws -> Answer
    ) async throws -> Answer {
        if fault.acts { _ = try await run() }
        let error = StripeError(
            fault.status, "api_error", "A fault that a test asked for, and that is kept.")
        let answer = Answer.json(error.body, status: fault.status)
        guard let key = call.idempotencyKey else { return answer }
        let fingerprint = Account.fingerprint(of: call, parameters)
        try await sandbox.transaction { account in
            let kept = Account.StoredAnswer(status: answer.status, body: answer.body)
            try account.store(kept, key: key, fingerprint: fingerprint)
        }
        return answer
    }

    private func carryOut(
        _ route: Route, _ id: String, _ parameters: Parameters, _ call: Call,
        _ identity: RequestIdentity
    ) async throws -> Answer {
        try await sandbox.transaction(identity) { account in
            try account.answer(call, parameters) {
                let isClock = call.path.hasPrefix("/v1/test_helpers/")
                if !isClock {
                    try account.followClock(id, parameters, changes: call.method != "GET")
                }
                let result = try route.action(account, id, parameters)
                return try account.shown(result, parameters)
            }
        }
    }
}

extension Account {
    /// An answer in the shape of the request's version. What is expanded in it was named by that
    /// shape.
    func shown(_ answer: JSONValue, _ parameters: Parameters) throws -> JSONValue {
        let shapes = OlderShapes(db: db, version: request.version)
        return try expand(try shapes.shaped(answer), parameters)
    }

    static func fingerprint(of call: Call, _ parameters: Parameters) -> String {
        "\(call.method) \(call.path) \(parameters.fingerprint)"
    }

    /// Runs an endpoint, or repeats the answer that its idempotency key was given before.
    func answer(
        _ call: Call, _ parameters: Parameters, _ run: () throws -> JSONValue
    ) throws -> Answer {
        let key = call.method == "POST" ? call.idempotencyKey : nil
        let fingerprint = Self.fingerprint(of: call, parameters)
        if let key {
            switch try attempt({ try storedAnswer(key: key, fingerprint: fingerprint) }) {
            case .failure(let error): return .json(error.body, status: error.status)
            case .success(let stored?):
                return Answer(
                    status: stored.status, headers: [("idempotent-replayed", "true")],
                    body: stored.body)
            case .success(nil): break
            }
        }
        let answer: Answer =
            switch try attempt(run) {
            case .success(let value): .json(value)
            case .failure(let error): .json(error.body, status: error.status)
            }
        if let key {
            let stored = StoredAnswer(status: answer.status, body: answer.body)
            try store(stored, key: key, fingerprint: fingerprint)
        }
        return answer
    }
}

/// API keys: any test key is good, a live one never is (docs.stripe.com/keys).
enum APIKeys {
    static func check(_ authorization: String?) throws {
        guard let key = key(in: authorization) else {
            throw StripeError(
                401, "invalid_request_error",
                "You did not provide an API key. Use the Authorization header with Bearer or "
                    + "Basic authentication.")
        }
        if key.hasPrefix("sk_test_"), key.count > "sk_test_".count { return }
        let isLive = key.hasPrefix("sk_live_") || key.hasPrefix("rk_live_")
        throw StripeError(
            401, "invalid_request_error",
            isLive
                ? "The sandbox refuses live keys." : "Invalid API Key provided: it is no test key.",
            code: isLive ? "livemode_mismatch" : nil)
    }

    private static func key(in authorization: String?) -> String? {
        let parts = authorization?.split(separator: " ", maxSplits: 1) ?? []
        guard parts.count == 2 else { return nil }
        switch parts[0].lowercased() {
        case "bearer": return String(parts[1])
        case "basic":
            guard let data = Data(base64Encoded: String(parts[1])),
                let text = String(validating: data, as: UTF8.self)
            else { return nil }
            return text.split(separator: ":", omittingEmptySubsequences: false).first
                .map(String.init)
        default: return nil
        }
    }
}
