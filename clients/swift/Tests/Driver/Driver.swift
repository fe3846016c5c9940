import CueBX
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Writes a whole line, or several.
func say(_ bytes: [UInt8], to descriptor: Int32 = 1) {
    var at = 0
    while at < bytes.count {
        let written = bytes[at...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if written <= 0 { exit(1) }
        at += written
    }
}

/// As a host would that logs what it has in its hands.
func log(_ what: Any) {
    say(Array("\(what) \(String(reflecting: what))\n".utf8), to: 2)
}

/// A call, and the steps for its body.
final class Running: Sendable {
    let steps: AsyncStream<JSON>
    let put: AsyncStream<JSON>.Continuation
    let last: Mutex<JSON>
    let call = Mutex<Call?>(nil)

    init(_ begin: JSON) {
        (steps, put) = AsyncStream.makeStream()
        last = Mutex(begin)
    }

    /// The step that the body takes now.
    func note(_ step: JSON) {
        last.withLock { $0 = step }
    }
}

/// What the steps of a stream say.
struct Source: AsyncSequence {
    let running: Running

    func makeAsyncIterator() -> Iterator {
        Iterator(steps: running.steps.makeAsyncIterator(), running: running)
    }

    struct Iterator: AsyncIteratorProtocol {
        var steps: AsyncStream<JSON>.AsyncIterator
        let running: Running

        mutating func next() async throws -> JSON? {
            guard let step = await steps.next() else { throw CancellationError() }
            running.note(step)
            if step["do"] != "end" { return step }
            try raise(step["raise"].text)
            return nil
        }
    }
}

func raise(_ kind: String?) throws {
    switch kind {
    case "timeout": throw ToolError.timedOut
    case "upstream": throw ToolError.connectionRefused
    case "rate_limited": throw ToolError.rateLimited
    case "invalid_response": _ = try JSON(parsing: "no".utf8)
    case "validation": throw ToolError.validationFailed
    case "client": throw CancellationError()
    case "internal": throw ToolError.other
    default: break
    }
}

/// Takes the steps of scenarios.
actor Driver {
    private var client: Client?
    private var calls: [String: (running: Running, task: Task<Bool, Never>)] = [:]
    private var events = Told()

    /// Events, in their order.
    final class Told: Sendable {
        let events = Mutex<[Event]>([])
    }

    func take(_ step: JSON) async {
        let name = step["call"].text ?? ""
        switch step["do"].text {
        case "begin":
            let running = Running(step)
            calls[name] = (running, Task { await self.body(step, running) })
        case "cancel":
            guard let call = calls[name] else { return answer(step, ["error": ["kind": "Defect"]]) }
            call.task.cancel()
            answer(step, ["canceled": .bool(await call.task.value)])
        case "end", "chunk": calls[name]?.running.put.yield(step)
        case "start":
            await end()
            do {
                try start(step)
                answer(step, ["started": true, "can": ["cancel_calls", "streams", "journal"]])
            } catch {
                answer(step, told(error))
            }
        case "events":
            say(Array("told \(step["n"].int ?? 0)\n".utf8), to: 2)
            let told = events.events.withLock { $0 }
            answer(
                step,
                [
                    "events": .array(told.map { .string($0.name) }),
                    "told": .array(told.map { .object(fields(of: $0)) }),
                ])
        case "gather":
            while await client?.waiting ?? 0 < step["number"].int ?? 0 { await Task.yield() }
            answer(step, ["gathered": true])
        case "flush":
            let span = Duration.seconds(step["seconds"].double ?? 10)
            answer(step, ["flushed": .bool(await client?.flush(within: span) ?? true)])
        default:
            answer(step, ["closed": .bool(await client?.close() ?? true)])
        }
    }

    func end() async {
        await client?.close()
        client = nil
    }

    private func start(_ step: JSON) throws {
        calls = [:]
        let told = Told()
        events = told
        client = try Client(
            url: step["url"].text, internalKey: step["internal_key"].text,
            spool: step["spool"].text, options: options(step["options"]),
            onEvent: { event in
                log(event)
                told.events.withLock { $0.append(event) }
            })
    }

    private func fields(of event: Event) -> JSONObject {
        var fields: JSONObject = ["name": .string(event.name)]
        for (name, value) in event.fields { fields[name] = .string(value) }
        return fields
    }

    private func options(_ told: JSON) -> Options {
        var options = Options()
        let spans: [(String, WritableKeyPath<Options, Duration>)] = [
            ("validate_seconds", \.validateBudget), ("commit_seconds", \.commitBudget),
            ("answer_seconds", \.answerTimeout), ("first_pause", \.firstPause),
            ("longest_pause", \.longestPause), ("adopt_every", \.adoptEvery),
            ("capture_every", \.captureEvery),
        ]
        for (name, path) in spans {
            if let seconds = told[name].double { options[keyPath: path] = .seconds(seconds) }
        }
        options.spoolResults = told["spool_results"].bool ?? false
        if let most = told["outage"]["max_credits"].text {
            options.outage = .failOpenWithJournal(
                maxCredits: most,
                maxDuration: .seconds(told["outage"]["max_seconds"].double ?? 0),
                verifyToken: { try userId(of: $0) })
        }
        return options
    }

    private func answer(_ step: JSON, _ result: JSON) {
        var line: JSONObject = ["n": step["n"]]
        for member in result.object?.members ?? [] { line[member.name] = member.value }
        say(JSON.object(line).encoded() + [10])
    }

    private func told(_ error: any Error) -> JSON {
        log(error)
        guard let error = error as? CueBXError else {
            return ["error": ["kind": "Defect", "message": .string("\(error)")]]
        }
        var facts: JSONObject = [
            "kind": .string(error.kind.rawValue), "message": .string(error.message),
        ]
        facts["status"] = error.status.map { .int($0) }
        facts["code"] = error.code.map { .string($0) }
        facts["retry_after"] = error.retryAfter.map { .int(Int($0.components.seconds)) }
        facts["usage_id"] = error.usageId.map { .string($0) }
        facts["usage_status"] = error.usageStatus.map { .string($0.rawValue) }
        return ["error": .object(facts)]
    }

    /// Whether it was canceled.
    private func body(_ begin: JSON, _ running: Running) async -> Bool {
        guard let client else { return false }
        do {
            try await metered(begin, by: client) { call in
                running.call.withLock { $0 = call }
                log(call)
                answer(
                    begin,
                    [
                        "entered": true, "usage_id": .string(call.usageId),
                        "credits_reserved": .string(call.creditsReserved),
                        "is_test_key": .bool(call.isTestKey),
                    ])
                try await run(call, begin, running)
            }
            answer(running.last.withLock { $0 }, ["ended": true])
            return false
        } catch is CancellationError where Task.isCancelled {
            if running.call.withLock({ $0 == nil }) {
                answer(begin, ["error": ["kind": "Canceled"]])
            }
            return true
        } catch {
            let last = running.last.withLock { $0 }
            let isRaised = last["raise"] != .null && !(error is CueBXError)
            answer(last, isRaised ? ["ended": true, "raised": true] : told(error))
            return false
        }
    }

    private func metered(
        _ begin: JSON, by client: Client, body: (Call) async throws -> Void
    ) async throws {
        let feature = begin["feature"].text ?? ""
        let payload = Payload.text(begin["payload"].text ?? "")
        guard let key = begin["api_key"].text else {
            let user = begin["user"].text ?? ""
            return try await client.metered(
                feature, user: user, payload: payload, details(begin), body: body)
        }
        let customer = Customer(clientId: begin["client_id"].text ?? "", apiKey: key)
        log(customer)
        try await client.metered(
            feature, customer: customer, payload: payload, details(begin), body: body)
    }

    private func details(_ begin: JSON) -> CallDetails {
        var details = CallDetails(
            requestId: begin["request_id"].text, endpoint: "/v1/tool",
            estimate: begin["estimate"].object.map { UsageEstimate($0) },
            holdSeconds: begin["hold_seconds"].int)
        if let parent = begin["parent"].text {
            details.parentUsageId = calls[parent]?.running.call.withLock { $0?.usageId }
        }
        return details
    }

    private func run(_ call: Call, _ begin: JSON, _ running: Running) async throws {
        if begin["stream"].bool == true {
            for try await _ in call.stream(Source(running: running), reading: content) {
                answer(running.last.withLock { $0 }, ["chunk": true])
            }
        } else {
            var steps = running.steps.makeAsyncIterator()
            guard let step = await steps.next() else { throw CancellationError() }
            running.note(step)
        }
        let last = running.last.withLock { $0 }
        if last["settle"] != .null {
            let used = last["settle"]
            try call.settle(
                inputTokens: used["input_tokens"].int, outputTokens: used["output_tokens"].int,
                cachedInputTokens: used["cached_input_tokens"].int,
                reasoningTokens: used["reasoning_tokens"].int, model: used["model"].text,
                credits: used["credits"].text)
        }
        if let title = last["result"]["title"].text {
            try call.keepResult(title: title, data: last["result"]["data"])
        }
        if let type = last["fail"]["failure_type"].text {
            try call.fail(FailureType(rawValue: type), last["fail"]["reason"].text ?? "")
        }
        try raise(last["raise"].text)
    }
}

@Sendable
private func content(_ step: JSON) -> ChunkContent {
    let usage = step["usage"]
    if usage == .null { return ChunkContent(text: step["text"].text ?? "") }
    return ChunkContent(
        counts: TokenCounts(
            inputTokens: usage["input_tokens"].int, outputTokens: usage["output_tokens"].int,
            model: usage["model"].text))
}

/// As a host would, but for the signature.
func userId(of token: String) throws -> String? {
    let parts = token.split(separator: ".")
    guard parts.count == 3, let claims = bytes(ofBase64URL: parts[1]) else { return nil }
    return try JSON(parsing: claims)["sub"].text
}
