import HTTPClient
import Stripe
import Testing

@Suite("Trying a call to Stripe again")
struct StripeRetryTests {
    func keys(_ transport: ScriptedTransport) -> Set<String?> {
        Set(
            transport.requests.map { request in
                request.headers.first { $0.0 == "Idempotency-Key" }?.1
            })
    }

    func refund(_ transport: ScriptedTransport, jitter: Double = 1) async throws -> StripeError? {
        let client = try transport.client(jitter: jitter)
        return await failure { () throws(StripeError) in
            try await client.createRefund("pi_1", nil, "refund-1")
        }
    }

    @Test(
        "What may pass is tried twice more, each time with the same key",
        arguments: [
            .failure(.cannotConnect(reason: "refused")), .failure(.timedOut),
            .failure(.connectionLost(reason: "reset")), .success(.error(409)),
            .success(.error(500, type: "api_error")), .success(.json("<html>", status: 503)),
            .success(.error(429, headers: [("Stripe-Should-Retry", "true")])),
            .success(.error(400, headers: [("Stripe-Should-Retry", "true")])),
        ] as [ScriptedTransport.Outcome])
    func retried(outcome: ScriptedTransport.Outcome) async throws {
        let transport = ScriptedTransport([outcome])
        #expect(try await refund(transport) != nil)
        #expect(transport.requests.count == 3)
        #expect(keys(transport) == ["refund-1"])
        #expect(Set(transport.requests.map(\.body)).count == 1)
    }

    @Test(
        "What cannot pass is tried once",
        arguments: [
            .success(.error(400)), .success(.error(401)), .success(.error(403)),
            .success(.error(402, type: "card_error", code: "card_declined")),
            .success(.error(404, code: "resource_missing")), .success(.error(429)),
            .success(.error(424)), .success(.json("moved", status: 302)),
            .success(.error(500, headers: [("Stripe-Should-Retry", "false")])),
            .success(.error(409, headers: [("Stripe-Should-Retry", "false")])),
            .success(.json("not JSON")), .success(.json("{}")), .failure(.queueFull),
            .failure(.clientShutDown), .failure(.invalidURL), .failure(.responseTooLarge),
        ] as [ScriptedTransport.Outcome])
    func notRetried(outcome: ScriptedTransport.Outcome) async throws {
        let transport = ScriptedTransport([outcome])
        #expect(try await refund(transport) != nil)
        #expect(transport.requests.count == 1)
        #expect(transport.waits.isEmpty)
    }

    @Test("A success after failures is a success")
    func recovery() async throws {
        let transport = ScriptedTransport([
            .failure(.connectionLost(reason: "reset")), .success(.error(503)),
            .success(.json(Fixture.refund)),
        ])
        #expect(try await refund(transport) == nil)
        #expect(transport.requests.count == 3)
    }

    @Test("The error that is reported is the last one")
    func lastError() async throws {
        let transport = ScriptedTransport([
            .success(.error(503)),
            .success(.error(402, type: "card_error", code: "card_declined")),
        ])
        let error = try await refund(transport)
        #expect(error?.kind == .card(code: "card_declined", declineCode: nil))
        #expect(transport.requests.count == 2)
    }

    @Test("A wait doubles from half a second to five, half of it left to chance")
    func waits() {
        func waits(_ jitter: Double) -> [Duration] {
            let policy = StripeRetryPolicy(jitter: { jitter })
            return (1...6).map { policy.wait(beforeRetry: $0) }
        }
        #expect(waits(1) == [0.5, 1, 2, 4, 5, 5].map { .seconds($0) })
        #expect(waits(0) == [0.5, 0.5, 1, 2, 2.5, 2.5].map { .seconds($0) })
        #expect(waits(-7) == waits(0))
        #expect(waits(.infinity) == waits(1))
    }

    @Test("A wait that Stripe asks for is kept")
    func retryAfter() async throws {
        let transport = ScriptedTransport([
            .success(.error(503, headers: [("Retry-After", "7")])),
            .success(.json(Fixture.refund)),
        ])
        #expect(try await refund(transport) == nil)
        #expect(transport.waits == [.seconds(7)])
    }

    @Test(
        "A wait that cannot be read is none, and one beyond the call's time ends it",
        arguments: [("soon", 3), ("-1", 3), ("9999999999999999999", 3), ("31", 1), ("3600", 1)])
    func oddRetryAfter(text: String, tries: Int) async throws {
        let transport = ScriptedTransport([.success(.error(503, headers: [("Retry-After", text)]))])
        #expect(try await refund(transport)?.kind == .unavailable)
        #expect(transport.requests.count == tries)
    }

    @Test("All tries together keep to the call's time")
    func budget() async throws {
        let transport = ScriptedTransport([.failure(.timedOut)], timePerTry: .seconds(16))
        #expect(try await refund(transport)?.kind == .unavailable)
        // 16 s and a wait of 0.5 s leave 13.5 s for the second try, after which none fits.
        #expect(transport.requests.map(\.timeout) == [.seconds(10), .seconds(10)])

        let slow = ScriptedTransport([.failure(.timedOut)], timePerTry: .seconds(12))
        _ = try await refund(slow)
        #expect(slow.requests.map(\.timeout) == [.seconds(10), .seconds(10), .seconds(4.5)])
    }

    @Test("A canceled task tries no more and reports what the last try has shown")
    func cancellation() async throws {
        let transport = ScriptedTransport([.success(.error(503))])
        let client = try transport.client(isCanceled: true)
        let error = await failure { () throws(StripeError) in
            try await client.createRefund("pi_1", nil, "k")
        }
        #expect(error?.kind == .unavailable)
        #expect(transport.requests.count == 1)
    }

    @Test("Over a real connection, nobody there means unavailable after three tries")
    func refusedConnection() async throws {
        let waits = ScriptedTransport(answer: "{}")
        let policy = StripeRetryPolicy(sleep: { waits.note($0) })
        let http = HTTPClient(maximumInFlight: 1)
        defer { http.shutdown() }
        // Port 1 is kept for a service that no machine runs any more (RFC 1078).
        let client = try StripeClient.live(
            secretKey: "sk_test_1", apiBase: "http://127.0.0.1:1", http: http,
            retryPolicy: policy)
        let error = await failure { () throws(StripeError) in
            try await client.retrieveCustomer("cus_1")
        }
        #expect(error?.kind == .unavailable)
        #expect(waits.waits.count == 2)
    }
}
