import HTTPClient
import Stripe
import Testing

@Suite("A request to Stripe")
struct StripeRequestTests {
    @Test("Every call is, byte for byte, what the official library sends", arguments: WireCase.all)
    func bytes(wire: WireCase) async throws {
        let transport = ScriptedTransport(answer: wire.answer)
        try await wire.call(transport.client())
        let request = try #require(transport.requests.first)
        let path = request.url.dropFirst("https://stripe.test".count)
        #expect("\(request.method) \(path)" == wire.line)
        #expect(String(decoding: request.body ?? [], as: UTF8.self) == wire.body)
        #expect((request.body != nil) == (request.method == "POST"))
    }

    @Test("Every call names the key, the pinned version and itself", arguments: WireCase.all)
    func headers(wire: WireCase) async throws {
        let transport = ScriptedTransport(answer: wire.answer)
        try await wire.call(transport.client())
        let request = try #require(transport.requests.first)
        let names = Dictionary(uniqueKeysWithValues: request.headers)
        #expect(names["Authorization"] == "Bearer sk_test_1")
        #expect(names["Stripe-Version"] == "2026-10-28.endive")
        #expect(names["User-Agent"] == "cuebx-career")
        #expect(request.timeout <= .seconds(10))
        guard request.method == "POST" else {
            #expect(names["Idempotency-Key"] == nil)
            return
        }
        #expect(names["Content-Type"] == "application/x-www-form-urlencoded")
        #expect(names["Idempotency-Key"]?.isEmpty == false)
    }

    @Test("A caller's idempotency key is sent as it is; a preview makes a new one each time")
    func idempotencyKeys() async throws {
        let transport = ScriptedTransport([
            .success(.json(Fixture.subscription)), .success(.json(Fixture.invoice)),
        ])
        let client = try transport.client()
        _ = try await client.updateSubscriptionPrice(WireCase.change, "upgrade-42-1")
        for _ in 0..<2 { _ = try await client.previewUpgrade(WireCase.change) }
        let keys = transport.requests.map { request in
            request.headers.first { $0.0 == "Idempotency-Key" }?.1
        }
        #expect(keys[0] == "upgrade-42-1")
        #expect(Set(keys).count == 3)
    }

    @Test("A session without trial, metadata and end leaves these fields out")
    func absentFields() async throws {
        let transport = ScriptedTransport(answer: Fixture.session)
        var session = WireCase.session
        session.trialDays = nil
        session.metadata = [:]
        session.expiresAt = nil
        _ = try await transport.client().createCheckoutSession(session, "k")
        let body = String(decoding: try #require(transport.requests.first?.body), as: UTF8.self)
        #expect(!body.contains("subscription_data"))
        #expect(!body.contains("metadata"))
        #expect(!body.contains("expires_at"))
    }

    @Test(
        "An id that could lead to another URL is refused, unsent",
        arguments: ["", "..", "cus_1/sources", "cus_1?x=1", "cus 1", "cus_1#", "%2e%2e", "é"])
    func pathInjection(id: String) async throws {
        let transport = ScriptedTransport(answer: Fixture.customer)
        let client = try transport.client()
        let error = await failure { () throws(StripeError) in try await client.retrieveCustomer(id)
        }
        #expect(error?.kind == .invalidRequest(code: nil, parameter: "id"))
        #expect(transport.requests.isEmpty)
    }

    @Test("A base address may end in a slash")
    func baseWithSlash() async throws {
        let transport = ScriptedTransport(answer: Fixture.customer)
        let client = try StripeClient.live(
            secretKey: "sk_test_1", apiBase: "http://127.0.0.1:8081/",
            retryPolicy: StripeRetryPolicy(), send: transport.answer)
        _ = try await client.retrieveCustomer("cus_1")
        #expect(transport.requests.first?.url == "http://127.0.0.1:8081/v1/customers/cus_1")
    }
}
