import HTTPClient
import Stripe
import Testing

@Suite("An answer of Stripe's that is not a success")
struct StripeErrorTests {
    func error(_ outcome: ScriptedTransport.Outcome) async throws -> StripeError {
        let client = try ScriptedTransport([outcome]).client()
        return try #require(
            await failure { () throws(StripeError) in try await client.retrieveCustomer("cus_1") })
    }

    @Test(
        "Each answer is the kind of error that Stripe documents",
        arguments: [
            (
                .error(400, code: "parameter_unknown", more: #""param":"items[0][foo]","#),
                .invalidRequest(code: "parameter_unknown", parameter: "items[0][foo]")
            ),
            (
                .error(400, code: "resource_missing", more: #""param":"customer","#),
                .notFound(parameter: "customer")
            ),
            (
                .error(404, code: "resource_missing", more: #""param":"id","#),
                .notFound(parameter: "id")
            ),
            (.error(400, type: "idempotency_error"), .idempotency),
            (.error(409, code: "idempotency_key_in_use"), .conflict),
            (.error(401), .authentication), (.error(403), .permission),
            (.error(429), .rateLimited(retryAfter: nil)),
            (.error(429, headers: [("Retry-After", "3")]), .rateLimited(retryAfter: .seconds(3))),
            (.error(424, type: "api_error"), .unavailable),
            (.error(500, type: "api_error"), .unavailable),
            (.json("<html>Bad Gateway</html>", status: 502), .unavailable),
        ] as [(HTTPResponse, StripeError.Kind)])
    func kinds(response: HTTPResponse, kind: StripeError.Kind) async throws {
        #expect(try await error(.success(response)).kind == kind)
    }

    @Test("An answer that is not Stripe's is never read as Stripe's word")
    func foreignAnswers() async throws {
        for status in [301, 400, 401, 402, 403, 404, 409] {
            for body in ["<html>Not Found</html>", "", "{}", #"{"error":"no"}"#, "[]"] {
                let kind = try await error(.success(.json(body, status: status))).kind
                #expect(kind == .malformedResponse(field: "error.type"), "\(status) \(body)")
            }
        }
        // A route that Stripe does not know is not an object that does not exist.
        let route = try await error(.success(.error(404)))
        #expect(route.kind == .invalidRequest(code: nil, parameter: nil))
    }

    @Test("A declined card tells its codes and a sentence for its owner")
    func declinedCard() async throws {
        let error = try await error(
            .success(
                .error(
                    402, type: "card_error", code: "card_declined",
                    more: #""decline_code":"insufficient_funds","#)))
        #expect(
            error.kind == .card(code: "card_declined", declineCode: "insufficient_funds"))
        #expect(error.sentence == "Your card has insufficient funds.")
        #expect(!error.needsAuthentication)
        #expect(!error.mayRetry)
    }

    @Test("A lost or stolen card and suspected fraud read like any other decline")
    func discreetDeclines() {
        let plain = StripeError(.card(code: "card_declined", declineCode: nil)).sentence
        for code in ["lost_card", "stolen_card", "fraudulent", "pickup_card", "generic_decline"] {
            let error = StripeError(.card(code: "card_declined", declineCode: code))
            #expect(error.sentence == plain)
        }
    }

    @Test("A bank that wants to hear from the card's owner is told apart from a decline")
    func authentication() {
        let codes: [(String?, String?)] = [
            ("card_declined", "authentication_required"), ("authentication_required", nil),
            ("subscription_payment_intent_requires_action", nil),
        ]
        for (code, declineCode) in codes {
            let error = StripeError(.card(code: code, declineCode: declineCode))
            #expect(error.needsAuthentication)
            #expect(error.sentence == "Your bank asks you to confirm this payment.")
        }
        #expect(!StripeError(.authentication).needsAuthentication)
    }

    @Test("Stripe's own message appears nowhere in the error")
    func noMessage() async throws {
        for status in [400, 401, 402, 403, 404, 409, 429, 500] {
            let error = try await error(.success(.error(status)))
            #expect(!error.sentence.contains("sk_test"))
            #expect(!"\(error)".contains("sk_test"))
            #expect(!String(reflecting: error).contains("sk_test"))
            #expect(error.status == status)
            #expect(error.requestID == "req_1")
        }
    }

    @Test("A code that is not written like one is left out")
    func oddCodes() async throws {
        let long = String(repeating: "x", count: 129)
        for code in ["<script>", "a b", "é", "", long] {
            let kind = try await error(.success(.error(400, code: code))).kind
            #expect(kind == .invalidRequest(code: nil, parameter: nil))
        }
        let answer = HTTPResponse.json(
            #"{"error":{"type":"x","code":7}}"#, status: 400,
            headers: [("Request-Id", "req 1\u{7}")])
        let error = try await error(.success(answer))
        #expect(error.kind == .invalidRequest(code: nil, parameter: nil))
        #expect(error.requestID == nil)
    }

    @Test(
        "An answer that Stripe repeats for its key asks for another; a limit and silence do not",
        arguments: [
            (.success(.error(500, type: "api_error")), true),
            (.success(.error(402, type: "card_error")), true),
            (.success(.error(400, type: "idempotency_error")), true),
            (.success(.error(409, code: "idempotency_key_in_use")), false),
            (.success(.error(429)), false), (.failure(.timedOut), false),
            (.failure(.connectionLost(reason: "reset")), false),
        ] as [(ScriptedTransport.Outcome, Bool)])
    func usedUpKeys(outcome: ScriptedTransport.Outcome, isUsedUp: Bool) async throws {
        #expect(try await error(outcome).usesUpIdempotencyKey == isUsedUp)
    }

    @Test("Only what may pass is worth another attempt later")
    func mayRetry() {
        let passing: [StripeError.Kind] = [.conflict, .rateLimited(retryAfter: nil), .unavailable]
        let lasting: [StripeError.Kind] = [
            .card(code: nil, declineCode: nil), .invalidRequest(code: nil, parameter: nil),
            .notFound(parameter: nil), .idempotency, .authentication, .permission, .wrongMode,
            .malformedResponse(field: "customer.id"),
        ]
        for kind in passing { #expect(StripeError(kind).mayRetry) }
        for kind in lasting { #expect(!StripeError(kind).mayRetry) }
        for kind in passing + lasting { #expect(StripeError(kind).sentence.hasSuffix(".")) }
    }
}

@Suite("Test mode and live mode")
struct StripeModeTests {
    @Test("A secret or restricted key tells its mode")
    func keys() {
        #expect(StripeMode(secretKey: "sk_test_abc") == .test)
        #expect(StripeMode(secretKey: "rk_test_abc_d") == .test)
        #expect(StripeMode(secretKey: "sk_live_abc") == .live)
        #expect(StripeMode(secretKey: "rk_live_abc") == .live)
    }

    @Test(
        "What is not a secret key has no mode and makes no client",
        arguments: [
            "", "sk_", "sk_test", "sk_test_", "pk_test_abc", "whsec_abc", "sk_prod_abc",
            "SK_TEST_abc", " sk_test_abc", "sk_test_abc\n", "sk_test_a\r\nX-Evil: 1", "sk_test_é",
        ])
    func notKeys(text: String) {
        #expect(StripeMode(secretKey: text) == nil)
        #expect(throws: StripeSetupError.notASecretKey) {
            try ScriptedTransport(answer: "{}").client(key: text)
        }
    }

    @Test("A live key never leaves without TLS")
    func liveKeyWithoutTLS() throws {
        let transport = ScriptedTransport(answer: "{}")
        #expect(throws: StripeSetupError.liveKeyWithoutTLS) {
            try StripeClient.live(
                secretKey: "sk_live_abc", apiBase: "http://127.0.0.1:8081",
                retryPolicy: StripeRetryPolicy(), send: transport.answer)
        }
        _ = try transport.client(key: "sk_live_abc")
    }

    @Test("An object of the other mode is refused, in an answer and in a list")
    func wrongMode() async throws {
        let live = Fixture.subscription.replacing(
            #""livemode":false,"metadata":{"user_id""#,
            with: #""livemode":true,"metadata":{"user_id""#)
        #expect(live != Fixture.subscription)
        let one = try ScriptedTransport(answer: live).client()
        let list = try ScriptedTransport(
            answer: Fixture.list([Fixture.subscription, live])
        ).client()
        let liveKey = try ScriptedTransport(answer: Fixture.subscription)
            .client(key: "sk_live_1")
        #expect(
            await failure { () throws(StripeError) in try await one.retrieveSubscription("sub_1") }?
                .kind == .wrongMode)
        #expect(
            await failure { () throws(StripeError) in try await list.listSubscriptions("cus_1") }?
                .kind == .wrongMode)
        #expect(
            await failure { () throws(StripeError) in
                try await liveKey.retrieveSubscription("sub_1")
            }?.kind == .wrongMode)
    }

    @Test("A client that is not connected fails with a code that says so")
    func unimplemented() async {
        let error = await failure { () throws(StripeError) in
            try await StripeClient.unimplemented.retrieveEvent("evt_1")
        }
        #expect(error?.kind == .invalidRequest(code: "unimplemented", parameter: nil))
    }
}
