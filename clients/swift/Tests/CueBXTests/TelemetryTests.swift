import Synchronization
import Testing

@testable import CueBX

/// A span of the host's.
private final class Span: CallSpan {
    let attributes = Mutex<[String: SpanValue]>([:])

    func setAttributes(_ attributes: [String: SpanValue]) {
        self.attributes.withLock { $0.merge(attributes) { $1 } }
    }

    var told: [String: SpanValue] { attributes.withLock { $0 } }
}

private enum Host {
    @TaskLocal static var span: Span?
}

/// OpenTelemetry's names, on the host's own span.
@ClientActor
struct TelemetryTests {
    /// A service of the test's own, which grants or refuses.
    private func core(refusing code: String? = nil) -> (Engine, Span) {
        let engine = Engine(
            url: "http://127.0.0.1:9", internalKey: Secret(text: "k"), folder: nil,
            options: Options(), events: Events(listener: nil),
            exchange: { operations in
                operations.map { operation in
                    if operation.name == "validate", let code {
                        return .success(
                            Answer(
                                status: 429, headers: [:],
                                body: ["code": .string(code), "message": "No."]))
                    }
                    return .success(
                        Answer(
                            status: 200, headers: [:],
                            body: [
                                "access": "granted", "usage_id": "u1", "user_id": "ada",
                                "message": "Granted.", "credits_reserved": "1.00",
                                "code": "reserved",
                            ]))
                }
            })
        return (engine, Span())
    }

    private func begin(_ engine: Engine, _ span: Span?) async throws -> Call {
        var asking = try Asking(
            feature: "f", user: "secret-token", payload: "secret-payload",
            details: CallDetails(requestId: "one"))
        asking.span = span
        let client = try Client(url: "http://127.0.0.1:9", spool: "memory")
        return try await Entry(engine, asking).call(of: client)
    }

    @Test func aCallDescribesTheSpanThatItIsMadeIn() async throws {
        let (engine, span) = core()
        let call = try await begin(engine, span)
        #expect(
            span.told == [
                "cuebx.feature": .text("f"), "cuebx.request_id": .text("one"),
                "cuebx.usage_id": .text("u1"), "cuebx.credits_reserved": .text("1.00"),
            ])
        try call.settle(inputTokens: 10, outputTokens: 5, model: "m")
        await call.end()
        let told = span.told
        #expect(told["cuebx.outcome"] == .text("success") && told["error.type"] == nil)
        #expect(told["gen_ai.response.model"] == .text("m"))
        #expect(told["gen_ai.usage.input_tokens"] == .number(10))
        #expect(told["gen_ai.usage.output_tokens"] == .number(5))
        #expect(!"\(told)".contains("secret"))
        _ = await engine.close(within: .zero)
    }

    @Test func aCallThatFailsSaysHow() async throws {
        let (engine, span) = core()
        let call = try await begin(engine, span)
        try call.fail(.upstreamError, "secret-reason")
        await call.end()
        let told = span.told
        #expect(told["cuebx.outcome"] == .text("failure"))
        #expect(told["error.type"] == .text("upstream_error"))
        #expect(!"\(told)".contains("secret"))
        _ = await engine.close(within: .zero)
    }

    @Test func aCallThatMayNotRunSaysWhy() async throws {
        let (engine, span) = core(refusing: "quota_exceeded")
        await #expect(throws: CueBXError.self) { try await begin(engine, span) }
        #expect(
            span.told == [
                "cuebx.feature": .text("f"), "cuebx.request_id": .text("one"),
                "cuebx.outcome": .text("not_run"), "error.type": .text("quota_exceeded"),
            ])
        _ = await engine.close(within: .zero)
    }

    @Test func theSpanIsThatOfTheTaskThatCalls() async throws {
        var options = Options()
        options.validateBudget = .milliseconds(1)
        let client = try Client(
            url: "http://127.0.0.1:9", spool: "memory", options: options,
            activeSpan: { Host.span })
        let span = Span()
        await Host.$span.withValue(span) {
            await #expect(throws: CueBXError.self) {
                try await client.metered("f", user: "t") { _ in 1 }
            }
        }
        await #expect(throws: CueBXError.self) {
            try await client.metered("g", user: "t") { _ in 1 }
        }
        #expect(span.told["cuebx.outcome"] == .text("not_run"))
        #expect(span.told["cuebx.feature"] == .text("f"))
        #expect(span.told["error.type"] == .text("Unavailable"))
        await client.close(within: .zero)
    }
}
