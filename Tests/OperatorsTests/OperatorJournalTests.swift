import Database
import HTTPEndpoint
import Operators
import TestFixtures
import Testing
import Values

@Suite("Each act of an operator is noted, and within its role")
struct OperatorJournalTests {
    private let hands = OperatorDesk()

    private func entry(_ desk: OperatorDesk.Desk, _ act: OperatorAct, _ credits: Int64) async throws
        -> OperatorEntry
    {
        let row = try await desk.operators.list()[0]
        return OperatorEntry(
            act: act, operatorID: row.id, actor: row.email,
            credits: Credits(clamping: credits * Credits.microsPerCredit))
    }

    @Test("Support grants at most a hundred credits within a day, however they are sent")
    func dailyGrant() async throws {
        try await hands.withDesk(.support) { desk in
            let journal = desk.operators.journal
            let sixty = try await entry(desk, .grantCredits, 60)
            let grants = await withTaskGroup(of: String?.self) { group in
                for _ in 0..<3 {
                    group.addTask {
                        do {
                            _ = try await journal.begin(sixty, role: .support)
                            return nil
                        } catch {
                            return (error as? Problem)?.code
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(grants.count { $0 == nil } == 1)
            #expect(grants.count { $0 == "over_daily_grant" } == 2)
            let forty = try await entry(desk, .grantCredits, 40)
            let id = try await journal.begin(forty, role: .support)
            try await desk.database.write { try journal.finish(id, .refused, in: $0) }
            // What was refused gave nothing.
            _ = try await journal.begin(forty, role: .support)
            let one = try await entry(desk, .grantCredits, 1)
            #expect(await hands.refusal { _ = try await journal.begin(one, role: .support) } != nil)
            hands.clock.advance(24 * 3600 + 1)
            #expect(
                await hands.refusal { _ = try await journal.begin(sixty, role: .support) } == nil)
            #expect(await hands.refusal { _ = try await journal.begin(sixty, role: .admin) } == nil)
        }
    }

    @Test("How an act ended stands in the journal, once", arguments: ["done", "refused", "failed"])
    func outcomes(outcome: String) async throws {
        try await hands.withDesk { desk in
            let entry = try await entry(desk, .reconcile, 0)
            let journal = desk.operators.journal
            struct Broken: Error {}
            _ = await hands.refusal {
                try await journal.carryOut(entry, role: .admin) { id in
                    #expect(try await self.lines(desk, "begun") == 1)
                    if outcome == "refused" { throw Problem.notYourRole }
                    if outcome == "failed" { throw Broken() }
                    try await desk.database.write { try journal.finish(id, .done, in: $0) }
                }
            }
            #expect(try await lines(desk, outcome) == 1)
            #expect(try await lines(desk, "begun") == 0)
        }
    }

    @Test("What nobody waits for ends once; after a failure it may be tried again")
    func resumed() async throws {
        try await hands.withDesk { desk in
            let journal = desk.operators.journal
            let id = try await journal.begin(
                try await entry(desk, .reconcile, 0), role: .admin)
            #expect(try await journal.resume(id))
            try await journal.finish(id, .failed, result: "it died")
            #expect(try await lines(desk, "failed") == 1)
            #expect(try await journal.resume(id))
            #expect(try await lines(desk, "begun") == 1)
            try await journal.finish(id, .failed, result: "another worker's last try")
            try await journal.finish(id, .done, result: "the answer")
            try await journal.finish(id, .failed, result: "a second delivery")
            try await journal.finish(id, .done, result: "a third")
            #expect(try await !journal.resume(id))
            let answers = try await desk.database.integer(
                "SELECT count(*) FROM operator_actions WHERE outcome = 'done' "
                    + "AND subject = 'the answer'")
            #expect(answers == 1)
        }
    }

    private func lines(_ desk: OperatorDesk.Desk, _ outcome: String) async throws -> Int64 {
        try await desk.database.integer(
            "SELECT count(*) FROM operator_actions WHERE action = 'reconcile' "
                + "AND outcome = '\(outcome)'")
    }

    @Test("No role does more than the one above it", arguments: OperatorAct.allCases)
    func roles(act: OperatorAct) async throws {
        #expect(!OperatorRole.viewer.may(act) || OperatorRole.support.may(act))
        #expect(!OperatorRole.support.may(act) || OperatorRole.admin.may(act))
        try await hands.withDesk { desk in
            let entry = try await entry(desk, act, 1)
            for role in OperatorRole.allCases {
                let refused = await hands.refusal {
                    _ = try await desk.operators.journal.begin(entry, role: role)
                }
                #expect((refused == nil) == role.may(act), "\(role)")
            }
        }
    }
}
