import Career
import Foundation
import HTTPEndpoint
import HTTPTypes
import JSON
import Ledger
import TestFixtures
import Testing
import Values

@Suite("What validate takes, and how it answers")
struct ValidateTests {
    private static let hash = String(repeating: "0a", count: 32)

    /// The names of the fields that are refused.
    private func refused(_ members: KeyValuePairs<String, JSONValue>) throws -> [String] {
        var object: JSONObject = [
            "request_id": "r", "feature_key": "match", "endpoint": "/", "method": "post",
            "payload_hash": .string(Self.hash),
        ]
        for (name, value) in members { object[name] = value == .null ? nil : value }
        do {
            _ = try UsageValidateRequest.decode(.object(object))
            return []
        } catch {
            let problem = try JSONValue.parse(error.body)
            return (problem["errors"]?.array ?? []).compactMap { $0["loc"]?.array?.last?.string }
        }
    }

    @Test("At its bounds a request is taken")
    func taken() throws {
        #expect(try refused([:]) == [])
        let long = String(repeating: "é", count: 255)
        #expect(try refused(["request_id": .string(long), "feature_key": .string(long)]) == [])
        #expect(try refused(["endpoint": "", "unknown": 7]) == [])
        #expect(
            try refused(["usage_estimate": ["input_chars": 10_000_000, "model": "m"]]) == [])
        let agent = JSONValue.string(String(repeating: "a", count: 5000))
        #expect(try refused(["client": ["user_agent": agent, "ip": ""]]) == [])
    }

    @Test(
        "Beyond them the field is named",
        arguments: [
            ("request_id", .null), ("request_id", ""), ("request_id", 7),
            ("request_id", .string(String(repeating: "a", count: 256))),
            ("feature_key", ""), ("method", "BREW"), ("method", ""), ("method", "GET "),
            ("payload_hash", ""), ("payload_hash", .string(hash.uppercased())),
            ("payload_hash", .string(hash + "0")), ("payload_hash", .string(hash.dropLast() + "g")),
            ("endpoint", .string(String(repeating: "a", count: 2049))),
        ] as [(String, JSONValue)])
    func beyond(name: String, value: JSONValue) throws {
        #expect(try refused([name: value]) == [name])
    }

    @Test("All wrong fields are named at once, nested ones too")
    func all() throws {
        let found = try refused([
            "request_id": "", "method": "BREW",
            "usage_estimate": ["input_chars": -1, "max_output_tokens": 2_000_001],
        ])
        #expect(found == ["request_id", "method", "input_chars", "max_output_tokens"])
        #expect(try refused(["usage_estimate": [:]]).count == 1)
        #expect(try refused(["client": "me"]) == ["client"])
    }

    private static let usage = UUID()
    private static let credits = Credits(decimal: "1")!

    @Test(
        "Each denial has its status, and tells when to come back where that helps",
        arguments: [
            (.noSubscription, 402, nil), (.subscriptionInactive, 402, nil),
            (.rateLimited(retryAfter: 7), 429, "7"),
            (.requestAlreadyFinished(usageID: usage, .failed), 409, nil),
            (.requestMismatch(usageID: usage, .pending), 409, nil),
            (
                .quotaExceeded(used: credits, limit: credits, needed: credits, retryAfter: 9), 429,
                "9"
            ),
            (
                .quotaExceeded(used: credits, limit: credits, needed: credits, retryAfter: 0), 429,
                "1"
            ),
        ] as [(ValidateUsage.Denial, Int, String?)])
    func denials(denial: ValidateUsage.Denial, status: Int, retryAfter: String?) throws {
        let reply = UsageValidateResponse.reply(to: denial, userID: UUID(), [])
        #expect(reply.status == status && reply.headers[.retryAfter] == retryAfter)
        let told = try JSONValue.parse(Answer(reply).body)
        #expect(told["access"] == "denied" && told["credits_reserved"] == "0.00")
        #expect(told["expires_at"] == .null && told["message"]?.string?.isEmpty == false)
        // A call that has a log is told of it.
        #expect((told["usage_id"]?.string == Self.usage.text) == (status == 409))
        #expect((told["status"] == .null) == (status != 409))
    }

    @Test("A grant and its repetition differ in their code alone, and tell the limits of the plan")
    func grants() throws {
        let user = UUID()
        var batch = LedgerBatch(
            entries: [user: .init(user: .active, account: nil, overdue: [])], logs: [],
            knownGrants: [])
        let rules = LedgerRules(
            catalog: try TestCatalog.catalog(), reservationTTL: 900, pastDueGrace: 0)
        let now = TestCatalog.start
        _ = try batch.apply(
            ActivateFreeSubscription(userID: user, subscriptionID: user, former: nil), rules,
            clock: now)
        var replies: [Reply<UsageValidateResponse>] = []
        for _ in 0..<2 {
            let outcome = try batch.apply(
                ValidateUsage(
                    key: IdempotencyKey(userID: user, requestID: "r", payloadHash: "0"),
                    featureKey: "match", call: UsageLog.Call(endpoint: "/", method: "POST"),
                    randomness: 7),
                rules, clock: now)
            guard case .granted(let grant, let limits) = outcome else {
                Issue.record("not granted: \(outcome)")
                return
            }
            replies.append(UsageValidateResponse.reply(to: grant, userID: user, limits))
        }
        let (first, again) = (replies[0], replies[1])
        #expect(first.status == 200 && again.status == 200)
        let told = try replies.map { try JSONValue.parse(Answer($0).body) }
        #expect(told[0]["usage_id"] == told[1]["usage_id"] && told[0]["access"] == "granted")
        #expect(told[0]["code"] != told[1]["code"])
        let names = ["Limit", "Remaining", "Reset"].flatMap { name in
            ["Minute", "Day"].map { "X-RateLimit-\(name)-\($0)" }
        }
        let values = try names.map { try again.headers[#require(HTTPField.Name($0))] }
        #expect(values == ["10", "100", "9", "99", "1769860860", "1769904000"])
    }
}
