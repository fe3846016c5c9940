import Testing

@testable import CueBX

/// What a host may say is judged where it enters.
struct LimitsTests {
    private func asked(_ user: String = "t", _ details: CallDetails = CallDetails()) throws
        -> Asking
    {
        try Asking(feature: "f", user: user, payload: "", details: details)
    }

    @Test(arguments: ["", "é", "a\nb", "漢", "a b", "Bearer ", "Basic a b"])
    func aTokenThatNoHeaderCarriesIsRefused(_ user: String) throws {
        let error = #expect(throws: CueBXError.self) { try asked(user) }
        #expect(error?.kind == .invalidToken && error?.status == 401)
    }

    @Test func whatTheServiceCouldNotReadIsRefused() throws {
        for details in [
            CallDetails(requestId: String(repeating: "x", count: 256)),
            CallDetails(requestId: "a\0"),
            CallDetails(method: ""), CallDetails(estimate: UsageEstimate([:])),
            CallDetails(estimate: UsageEstimate(inputChars: -1)),
            CallDetails(estimate: UsageEstimate(inputTokens: 2_000_001)),
            CallDetails(estimate: UsageEstimate(model: "a\u{7f}")), CallDetails(holdSeconds: 0),
            CallDetails(parentUsageId: ""),
        ] {
            let error = #expect(throws: CueBXError.self) { try asked("t", details) }
            #expect(error?.kind == .invalidRequest && error?.status == 422)
        }
        let shown = try asked(
            "bearer t",
            CallDetails(
                requestId: "", endpoint: String(repeating: "é\n", count: 2000),
                client: UsageClient(ip: "127.0.0.1", userAgent: "a\0")))
        #expect(shown.token?.text == "t" && shown.request.requestId?.count == 36)
        #expect(shown.request.endpoint?.unicodeScalars.count == 2048)
        #expect(shown.request.client?.userAgent == "a\u{fffd}")
    }

    @Test func aCustomersKeyIsJudgedAndShownNowhere() throws {
        func asked(_ name: String, _ key: String) throws -> Asking {
            try Asking(
                feature: "f", customer: Customer(clientId: name, apiKey: key), payload: "",
                details: CallDetails())
        }
        let (name, key) = ("ws_" + String(repeating: "0a", count: 16), "cbx_live_secret")
        for wrong in ["", "é", "a\nb", "a b c", String(repeating: "x", count: 256)] {
            let error = #expect(throws: CueBXError.self) { try asked(name, wrong) }
            #expect(error?.kind == .malformedApiKey && error?.hostAnswer.status == 401)
        }
        for wrong in ["", "ws_", name + "0", name.uppercased(), "xx_" + name.dropFirst(3)] {
            let error = #expect(throws: CueBXError.self) { try asked(wrong, key) }
            #expect(error?.kind == .keyOfAnotherWorkspace && error?.hostAnswer.status == 403)
        }
        let asking = try asked(name, "Bearer \(key)")
        #expect(asking.customer?.apiKey.text == key && asking.token == nil)
        #expect(asking.request.json["client_id"] == .string(name))
        #expect(!"\(asking) \(Customer(clientId: name, apiKey: key))".contains(key))
    }

    @Test func aSettlementThatTheServiceCouldNotTakeIsRefused() throws {
        for (used, credits) in [
            (UsageMetrics(outputTokens: -1), nil), (UsageMetrics(outputTokens: 1_000_000_001), nil),
            (UsageMetrics(inputTokens: 1, cachedInputTokens: 2), nil),
            (UsageMetrics(reasoningTokens: 1), nil), (UsageMetrics(outputTokens: 1), "1"),
        ]
            + ["", ".", "1.", "1.2.3", "0.1234567", "-1", "1e3", "NaN", "1000000001", "1\0", "１"]
            .map({
                (UsageMetrics(), $0)
            }) as [(UsageMetrics, String?)]
        {
            #expect(throws: CueBXError.self, "\(credits ?? "")") {
                try Limits.settlement(used, credits: credits)
            }
        }
        for credits in ["0", "0.25", "1000000000", "000000000001.000000"] {
            try Limits.settlement(UsageMetrics(modelUsed: "m"), credits: credits)
        }
        #expect(throws: CueBXError.self) { try Limits.failureType(.canceled) }
        #expect(throws: CueBXError.self) { try Limits.failureType(FailureType(rawValue: "newer")) }
    }

    @Test func moreTokensThanACommitMayTellAreParts() {
        let parts = UsageMetrics(
            modelUsed: "m", inputTokens: 5_000_000, outputTokens: 2_500_000,
            cachedInputTokens: 4_500_000
        ).parts
        #expect(parts.map(\.inputTokens) == [2_000_000, 2_000_000, 1_000_000])
        #expect(parts.map(\.outputTokens) == [2_000_000, 500_000, 0])
        #expect(parts.map(\.cachedInputTokens) == [2_000_000, 2_000_000, 500_000])
        #expect(parts.allSatisfy { $0.modelUsed == "m" })
        #expect(UsageMetrics().parts == [UsageMetrics()])
    }

    @Test func aUsagesRecordsMayLieInAnyOrder() {
        let start: JSONObject = ["r": "open", "usage_id": "a", "user_id": "u"]
        let end: JSONObject = ["r": "outcome", "usage_id": "a", "operations": [["op": "commit"]]]
        let done: JSONObject = ["r": "done", "usage_id": "a"]
        let left = SpoolFormat.Todo(usageId: "a", userId: "u", operations: [["op": "commit"]])
        #expect(
            SpoolFormat.todo([start, end]) == [left] && SpoolFormat.todo([end, start]) == [left])
        for records in [[done, start, end], [start, done, end], [end, start, done]] {
            #expect(SpoolFormat.todo(records).isEmpty)
        }
    }
}
