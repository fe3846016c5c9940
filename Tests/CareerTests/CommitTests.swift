import Career
import Foundation
import HTTPEndpoint
import JSON
import Ledger
import Testing

@Suite("What commit takes")
struct CommitTests {
    private func decode(
        _ members: KeyValuePairs<String, JSONValue>
    ) throws(Problem) -> CommitUsage.Result {
        var object: JSONObject = [
            "user_id": "0198c0de-0000-7000-8000-000000000001",
            "usage_id": "0198c0de-0000-7000-8000-000000000002", "success": true,
        ]
        for (name, value) in members { object[name] = value == .null ? nil : value }
        return try UsageCommitRequest.decode(.object(object)).command.result
    }

    @Test("A success has no failure, a failure has one")
    func results() throws {
        #expect(try decode([:]) == .success)
        let failure: JSONValue = ["failure_type": "timeout", "reason": "slow"]
        let failed = try decode(["success": false, "failure": failure])
        #expect(failed == .failure(UsageLog.Failure(type: .timeout, reason: "slow")))
        #expect(throws: Problem.self) { try decode(["failure": failure]) }
        #expect(throws: Problem.self) { try decode(["success": false]) }
    }

    @Test(
        "What is none of these is refused",
        arguments: [
            ("success", .null), ("success", 1), ("success", "true"), ("user_id", "1"),
            ("usage_id", .null), ("metrics", []), ("metrics", ["input_tokens": -1]),
            ("metrics", ["latency_ms": .number("1.5")]),
        ] as [(String, JSONValue)])
    func refused(name: String, value: JSONValue) {
        #expect(throws: Problem.self) { try decode([name: value]) }
    }
}
