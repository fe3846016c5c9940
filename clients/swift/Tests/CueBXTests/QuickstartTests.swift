import CueBX
import Testing

// What the README shows, so that it compiles. Whatever it calls of the host's is below.

func quickstart(token: String, body: [UInt8]) async throws -> ModelAnswer {
    let career = try Client()  // CUEBX_URL, CUEBX_INTERNAL_KEY
    return try await career.metered("career.job_match", user: token, payload: .bytes(body)) { _ in
        try await runModel(body)
    }
}

func byKey(_ career: Client, headers: [String: String], body: [UInt8]) async throws
    -> ModelAnswer
{
    let customer = Customer(clientId: headers["x-client-id"], apiKey: headers["authorization"])
    return try await career.metered("api.job_match", customer: customer, payload: .bytes(body)) {
        call in call.isTestKey ? ModelAnswer() : try await runModel(body)
    }
}

func settled(_ career: Client, token: String, body: [UInt8], idempotencyKey: String?) async throws
    -> ModelAnswer
{
    let details = CallDetails(
        requestId: idempotencyKey, endpoint: "/v1/job-match",
        estimate: UsageEstimate(maxOutputTokens: 1000, model: "m"))
    let answer = try await career.metered(
        "career.job_match", user: token, payload: .bytes(body), details
    ) { call in
        let answer = try await runModel(body)
        try call.settle(
            inputTokens: answer.inputTokens, outputTokens: answer.outputTokens, model: "m")
        return answer
    }
    return answer
}

func streamed(_ career: Client, token: String, body: [UInt8]) async throws {
    let chunks = try await career.stream(
        "career.feedback_analyzer", user: token, payload: .bytes(body)
    ) { _ in
        try await provider.chunks()
    }
    for try await chunk in chunks { try await response.write(chunk) }
}

func refused() async throws {
    do {
        try await jobMatch()
    } catch let error as CueBXError {
        let answer = error.hostAnswer
        try await response.write(status: answer.status, headers: answer.headers, answer.body)
    }
}

func told() async throws {
    let career = try Client(onEvent: { event in
        if event.level == .error { log("\(event.name) \(event.fields)") }
    })
    await career.close()
}

func described() async throws {
    struct Described: CallSpan {
        let span: any Tracing

        func setAttributes(_ attributes: [String: SpanValue]) {
            for (name, value) in attributes {
                switch value {
                case .text(let text): span.set(name, text)
                case .number(let number): span.set(name, number)
                }
            }
        }
    }
    let career = try Client(activeSpan: { currentSpan().map { Described(span: $0) } })
    await career.close()
}

/// As a tracer's span is.
protocol Tracing: Sendable {
    func set(_ name: String, _ text: String)
    func set(_ name: String, _ number: Int)
}

func currentSpan() -> (any Tracing)? { nil }

struct ModelAnswer: Sendable {
    let inputTokens = 1
    let outputTokens = 1
}

struct Provider: Sendable {
    func chunks() async throws -> AsyncStream<String> { AsyncStream { $0.finish() } }
}

struct Response: Sendable {
    func write(_ chunk: String) async throws {}
    func write(status: Int, headers: [String: String], _ body: [UInt8]) async throws {}
}

let provider = Provider()
let response = Response()

func runModel(_ body: [UInt8]) async throws -> ModelAnswer { ModelAnswer() }
func jobMatch() async throws {}
@Sendable func log(_ line: String) {}

func opening(_ userOfToken: @escaping OutagePolicy.VerifyToken) throws -> Client {
    var options = Options()
    options.outage = .failOpenWithJournal(
        maxCredits: "500", maxDuration: .seconds(3600), verifyToken: userOfToken)
    let career = try Client(options: options)
    return career
}
