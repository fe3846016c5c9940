import Testing

@testable import CueBX

private func parsed(_ text: String) throws -> JSON {
    try JSON(parsing: text.utf8)
}

struct ReadingTests {
    @Test(arguments: [
        "", " ", "{", "[", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "tru", "nul", "01",
        "-", "1.", ".5", "1e", "+1", "NaN", "\"", "\"\\x\"", "\"\\u12\"", "\"\\u+123\"", "\"\t\"",
        "1 2", "[1] x", "1e999", "'a'", "\"\\ud83d\\u0041\"",
        String(repeating: "[", count: 200) + String(repeating: "]", count: 200),
    ])
    func whatIsNoJSONIsRefused(_ text: String) {
        #expect(throws: NotJSON.self) { try parsed(text) }
    }

    @Test func textsThatAreNoUTF8AreRefused() {
        #expect(throws: NotJSON.self) { try JSON(parsing: [0x22, 0xFF, 0x22]) }
    }

    @Test func valuesAreReadAndWrittenTheSame() throws {
        let text = #"{"b":[1,-2.5,true,null,"é\n\u0001"],"a":{}," ":"😀"}"#
        #expect(String(decoding: try parsed(text).encoded(), as: UTF8.self) == text)
        #expect(try parsed(#""\ud83d\ude00\/""#) == "😀/")
    }

    @Test func namesAreEqualIfTheirBytesAre() throws {
        let object = try #require(try parsed("{\"\u{e9}\":1,\"e\u{301}\":2}").object)
        #expect(object.members.count == 2)
    }

    @Test func aViewOfTheWireKeepsWhatItDoesNotKnowAndFailsNever() {
        var answer = UsageValidateResponse([
            "access": "perhaps", "usage_id": 7, "newer": [1], "credits_reserved": "1.00",
        ])
        #expect(answer.access?.rawValue == "perhaps" && answer.usageId == nil)
        answer.creditsReserved = nil
        #expect(answer.json == ["access": "perhaps", "usage_id": 7, "newer": [1]])
    }

    @Test(arguments: [
        ("Mon, 30 Nov 2026 05:47:53 GMT", 1_796_017_673), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199), ("yesterday", nil),
        ("Mon, 30 Foo 2026 05:47:53 GMT", nil), ("Mon, 30 Nov 2026 05:47 GMT", nil),
    ])
    func datesOfHTTP(_ text: String, _ seconds: Int?) {
        #expect(unixSeconds(ofHTTPDate: text) == seconds)
    }

    @Test(arguments: [
        ("2026-11-30T05:47:53Z", 1_796_017_673), ("2026-11-30T05:47:53.123456Z", 1_796_017_673),
        ("2000-03-01T00:00:00Z", 951_868_800), ("2026-11-30", nil), ("T", nil),
    ])
    func instantsOfTheWire(_ text: String, _ seconds: Int?) {
        #expect(unixSeconds(ofWireInstant: text) == seconds)
    }

    @Test func idsSortByTheirTimeAndAreUUIDs() throws {
        let (first, last) = (newId(), newId())
        #expect(first.prefix(13) <= last.prefix(13) && first != last)
        let digits = Array(first)
        #expect(digits.count == 36 && digits[14] == "7" && "89ab".contains(digits[19]))
        #expect(Array(randomId())[14] == "4")
    }

    @Test func whatIsLeftOfAHoldIsReadByTheServicesClock() {
        let answer = Answer(
            status: 200, headers: ["date": "Mon, 30 Nov 2026 05:47:53 GMT"],
            body: ["expires_at": "2026-11-30T06:02:53Z"])
        #expect(answer.holdEnds == answer.received + .seconds(900))
        #expect(Answer(status: 200, headers: [:], body: answer.body).holdEnds == nil)
    }

    @Test(arguments: [("0", 0.0), ("7", 7.0), ("-1", 0.0), ("soon", nil), ("nan", nil)])
    func retryAfterIsSecondsOrNothing(_ text: String, _ seconds: Double?) {
        let answer = Answer(status: 503, headers: ["retry-after": text], body: [:])
        #expect(answer.retryAfter?.seconds == seconds)
    }

    @Test func aTokensEndIsReadAndNotJudged() throws {
        func asking(_ token: String) throws -> Asking {
            try Asking(feature: "f", user: "Bearer \(token)", payload: "", details: CallDetails())
        }
        // {"exp":0}
        #expect(try asking("x.eyJleHAiOjB9.x").isTokenOver(clockOffset: 0))
        #expect(try !asking("x.eyJleHAiOjB9.x").isTokenOver(clockOffset: -1e10))
        for token in ["x", "x.*.x", "x.e30.x"] {
            #expect(try asking(token).secondsOfToken(clockOffset: 0) == nil)
        }
        #expect("\(try #require(try asking("secret").token))" == "Secret(…)")
    }
}

struct ChunkTests {
    @Test func textsBytesAndOpenAIsShapes() throws {
        #expect("é".content.textBytes == 2 && [UInt8]([1, 2, 3]).content.textBytes == 3)
        let chunk = try parsed(
            #"""
            {"choices":[{"delta":{"content":"abc","tool_calls":[{"function":{"arguments":"{}"}}]}}],
            "model":"m"}
            """#
        ).content
        #expect(chunk.textBytes == 5 && chunk.counts.model == "m")
        let last = try parsed(
            #"""
            {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,
            "prompt_tokens_details":{"cached_tokens":3}}}
            """#
        ).content
        #expect(last.counts == TokenCounts(inputTokens: 9, outputTokens: 4, cachedInputTokens: 3))
        let delta = try parsed(#"{"type":"response.output_text.delta","delta":"abcd"}"#).content
        #expect(delta.textBytes == 4)
        let completed = try parsed(
            #"""
            {"type":"response.completed","response":{"model":"m","usage":{"input_tokens":1,
            "output_tokens":2,"output_tokens_details":{"reasoning_tokens":1}}}}
            """#
        ).content
        #expect(
            completed.counts
                == TokenCounts(inputTokens: 1, outputTokens: 2, reasoningTokens: 1, model: "m"))
    }

    @Test func anthropicsInputIsAllOfIt() throws {
        let start = try parsed(
            #"""
            {"type":"message_start","message":{"model":"c","usage":{"input_tokens":5,
            "cache_read_input_tokens":3,"cache_creation_input_tokens":2,"output_tokens":1}}}
            """#
        ).content
        #expect(
            start.counts
                == TokenCounts(
                    inputTokens: 10, outputTokens: 1, cachedInputTokens: 3, model: "c"))
        let delta = try parsed(#"{"type":"content_block_delta","delta":{"text":"hello"}}"#).content
        #expect(delta == ChunkContent(textBytes: 5))
    }

    @Test(arguments: ["null", "7", "[]", #"{"usage":{"prompt_tokens":-1}}"#, #"{"choices":7}"#])
    func whatSaysNothingCountsNothing(_ text: String) throws {
        #expect(try parsed(text).content == ChunkContent())
    }

    @ClientActor
    @Test func partsAreLowerBoundsUntilTheProviderTells() {
        let production = Production()
        #expect(production.part() == nil)
        production.add(ChunkContent(textBytes: 15))
        #expect(production.part() == Production.Tokens(output: 1))
        production.take(Production.Tokens(output: 1))
        #expect(production.part() == nil)
        production.add(ChunkContent(counts: TokenCounts(inputTokens: 7, outputTokens: 9)))
        #expect(production.part() == Production.Tokens(input: 7, output: 8))
        let rest = production.withoutCaptured(production.metrics(production.total).json)
        #expect(rest == ["input_tokens": 7, "output_tokens": 8])
        production.giveBack(Production.Tokens(output: 1))
        #expect(production.part() == Production.Tokens(input: 7, output: 9))
    }
}

private enum ProviderError: Error {
    case requestTimedOut, tooManyRequests(String), connectionLost, rejected, badRequest
}

private struct OwnError: MeteredFailure {
    let failureType = FailureType.validationError
}

struct FailureTests {
    @Test(
        arguments: [
            (CancellationError(), FailureType.clientError),
            (ProviderError.requestTimedOut, .timeout),
            (ProviderError.tooManyRequests("a timeout"), .rateLimited),
            (ProviderError.connectionLost, .upstreamError),
            (ProviderError.badRequest, .validationError),
            (ProviderError.rejected, .internalError),
            (NotJSON(at: 0), .invalidResponse),
            (OwnError(), .validationError),
        ] as [(any Error, FailureType)])
    func eachErrorHasItsType(_ error: any Error, _ type: FailureType) {
        #expect(failureType(of: error) == type)
    }

    @Test func aRefusalReachesTheCallerAndAMistakeDoesNot() throws {
        var refusal = CueBXError(.outOfCredits, "Not enough credits.")
        refusal.status = 429
        refusal.code = "quota_exceeded"
        refusal.retryAfter = .milliseconds(1200)
        let answer = refusal.hostAnswer
        #expect(answer.status == 429 && answer.headers["Retry-After"] == "2")
        let body = try JSON(parsing: answer.body)
        #expect(body["code"] == "quota_exceeded" && body["detail"] == "Not enough credits.")
        let mistake = CueBXError(.invalidRequest, "feature_key is unknown").hostAnswer
        #expect(mistake.status == 500 && mistake.headers["Retry-After"] == nil)
        #expect(!String(decoding: mistake.body, as: UTF8.self).contains("feature_key"))
        let away = CueBXError(.unavailable, "away").hostAnswer
        #expect(away.status == 503 && away.headers["Retry-After"] == "2")
    }

    @Test func aKeyIsNeededForWhatIsNotLoopback() {
        for url in [
            "http://cuebx.example", "http://127.0.0.1.example", "http://localhost@evil.example",
        ] {
            #expect(throws: CueBXError.self) { try Client(url: url, spool: "memory") }
        }
    }
}
