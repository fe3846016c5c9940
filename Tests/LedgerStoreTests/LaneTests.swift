import Database
import Foundation
import Ledger
import LedgerStore
import TestFixtures
import Testing
import Values

@Suite("The commands of one batch do not disturb each other")
struct LaneTests {
    private struct Refused: Error, Equatable {}
    private struct Thrown: Error {}

    /// A defect: a line of credits without a move of the account's counter.
    private struct Broken: LedgerCommand {
        let userID: UUID
        var subject: LedgerSubject? { nil }

        func decide(
            _ position: Position, _ rules: LedgerRules, at now: Timestamp
        ) -> Decision<Bool> {
            var decision = Decision(true, account: position.account)
            decision.grants = [
                CreditGrant(
                    userID: userID, periodNumber: 1, kind: .adjustment, cause: "broken",
                    credits: Credits(decimal: "1")!, reason: nil, createdAt: now)
            ]
            return decision
        }

        static func name(of outcome: Bool) -> DecisionName { DecisionName("other", "broken") }
    }

    @Test("A refused command writes nothing, and its neighbours are carried out")
    func refused() async throws {
        try await Store.run { store in
            let (one, two) = (try await store.newUser(1), try await store.newUser(2))
            let refuse: Store.Operation<Bool> = { ledger in
                let answer = try await ledger.perform(
                    ValidateUsage(one), unless: { _ in Refused() },
                    alongside: { _, _ in throw Thrown() })
                return answer == .failure(Refused())
            }
            let validate: Store.Operation<Bool> = { ledger in
                try await ledger.perform(ValidateUsage(two)).grant != nil
            }
            let results = await store.inOneBatch([refuse, validate])
            #expect(results.allSatisfy { $0.error == nil })
            #expect(try results.values() == [true, true])
            #expect(try await store.logs(of: one).isEmpty)
            #expect(try await store.logs(of: two).map(\.status) == [.pending])
        }
    }

    @Test("A command that is not refused is decided on once its refusal was asked for")
    func notRefused() async throws {
        try await Store.run { store in
            let user = try await store.newUser(1)
            let none: @Sendable (any DatabaseConnection) throws -> Refused? = { _ in nil }
            let answer = try await store.ledger.perform(ValidateUsage(user), unless: none)
            #expect(try answer.get().grant != nil)
            #expect(try await store.logs(of: user).count == 1)
        }
    }

    @Test("What throws alongside undoes its own command alone")
    func thrown() async throws {
        try await Store.run { store in
            let (one, two) = (try await store.newUser(1), try await store.newUser(2))
            let failing: Store.Operation<Bool> = { ledger in
                try await ledger.perform(ValidateUsage(one), alongside: { _, _ in throw Thrown() })
                    .grant != nil
            }
            let validate: Store.Operation<Bool> = { ledger in
                try await ledger.perform(ValidateUsage(two)).grant != nil
            }
            let results = await store.inOneBatch([validate, failing])
            #expect(results[1].error is Thrown)
            #expect(try results[0].get())
            #expect(try await store.logs(of: one).isEmpty)
            #expect(try await store.entry(of: one)?.account?.context.reserved == .zero)
            #expect(try await store.logs(of: two).count == 1)
        }
    }

    @Test("A defect answers its own command alone, is not kept and is counted")
    func defect() async throws {
        try await Store.run { store in
            let (one, two) = (try await store.newUser(1), try await store.newUser(2))
            let broken: Store.Operation<Bool> = { try await $0.perform(Broken(userID: one)) }
            let validate: Store.Operation<Bool> = { ledger in
                try await ledger.perform(ValidateUsage(two)).grant != nil
            }
            let results = await store.inOneBatch([broken, validate])
            #expect(results[0].error is LedgerDefect)
            #expect(try results[1].get())
            #expect(try await store.entry(of: one)?.account?.context.allocated.decimal == "25.00")
            let lines = "SELECT count(*) FROM credit_grants WHERE cause = 'broken'"
            #expect(try await store.database.integer(lines) == 0)
            let counted =
                "cuebx_ledger_decisions_total{operation=\"other\",code=\"defect\","
                + "product=\"career\"} 1"
            #expect(store.metrics.lines().contains(counted))
        }
    }

    @Test("A look finds what a command would and writes nothing, and waits for no batch")
    func look() async throws {
        try await Store.run { store in
            let user = try await store.newUser(1)
            let looks = await store.whileHeld { ledger in
                try await ledger.look(at: ValidateUsage(user)).grant != nil
            }
            #expect(try looks.get())
            #expect(try await store.logs(of: user).isEmpty)
            #expect(try await store.entry(of: user)?.account?.context.reserved == .zero)
        }
    }

    @Test("A look at a defect throws it, and the next command is decided on as ever")
    func lookAtDefect() async throws {
        try await Store.run { store in
            let user = try await store.newUser(1)
            await #expect(throws: LedgerDefect.self) {
                try await store.ledger.look(at: Broken(userID: user))
            }
            #expect(try await store.ledger.perform(ValidateUsage(user)).grant != nil)
        }
    }

    @Test("A closed ledger refuses, and still tells what is there")
    func closed() async throws {
        try await Store.run { store in
            let user = try await store.newUser(1)
            store.ledger.close()
            await #expect(throws: LedgerOverloaded.self) {
                try await store.ledger.perform(ValidateUsage(user))
            }
            await #expect(throws: LedgerOverloaded.self) {
                try await store.ledger.takeToken(of: "sub_1")
            }
            #expect(try await store.ledger.look(at: ValidateUsage(user)).grant != nil)
            #expect(try await store.logs(of: user).isEmpty)
        }
    }
}
