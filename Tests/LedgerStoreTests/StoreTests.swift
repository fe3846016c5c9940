import Database
import Foundation
import Ledger
import LedgerStore
import TestFixtures
import Testing
import Values

@Suite("What is decided is what the database holds")
struct StoreTests {
    private struct Crash: Error {}
    private let start = TestCatalog.start

    private var rules: LedgerRules {
        get throws {
            LedgerRules(
                catalog: try TestCatalog.catalog(), reservationTTL: 900, pastDueGrace: 0)
        }
    }

    @Test("A batch in which something throws after a decision leaves no row of it")
    func throwing() async throws {
        try await Store.run { store in
            let user = try await store.newUser(1)
            let before = try await store.entry(of: user)?.account
            let rules = try rules
            #expect(throws: Crash.self) {
                try store.database.writeBlocking { connection in
                    let command = ValidateUsage(user)
                    try DirectLedger.carryOut(
                        [command], of: Store.source, in: connection, clock: start
                    ) { batch in
                        let outcome = try batch.apply(command, rules, clock: start)
                        #expect(outcome.grant != nil)
                        throw Crash()
                    }
                }
            }
            #expect(try await store.logs(of: user).isEmpty)
            #expect(try await store.entry(of: user)?.account == before)
        }
    }

    @Test("A log that is made and settled in one batch is written once, as it stands")
    func settledAtOnce() async throws {
        try await Store.run { store in
            let user = try await store.newUser(1)
            let rules = try rules
            try store.database.writeBlocking { connection in
                let command = ValidateUsage(user)
                try DirectLedger.carryOut(
                    [command], of: Store.source, in: connection, clock: start
                ) { batch in
                    let grant = try #require(
                        try batch.apply(command, rules, clock: start).grant)
                    _ = try batch.apply(
                        CommitUsage(
                            userID: user, usageID: grant.usageID, result: .success,
                            metrics: UsageLog.Metrics()),
                        rules, clock: start)
                }
            }
            let logs = try await store.logs(of: user)
            #expect(logs.map(\.status) == [.success])
            let context = try await store.entry(of: user)?.account?.context
            #expect(context?.used.decimal == "1.00" && context?.reserved == .zero)
        }
    }

    @Test("Limits and a mark that are set in the batch in which an account is made are kept")
    func limitsOfNew() async throws {
        try await Store.run { store in
            let user = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1))
            try await store.database.insertUser(user, at: start)
            let rules = try rules
            let new = ActivateFreeSubscription(userID: user, subscriptionID: user, former: nil)
            let limits = SpendingLimits(daily: Credits(decimal: "2"), monthly: nil, alertAt: [50])
            let limit = SetSpendingLimits(userID: user, limits: limits)
            let mark = SetTopUpMark(userID: user, below: Credits(decimal: "1"))
            try store.database.writeBlocking { connection in
                try DirectLedger.carryOut(
                    [new, limit, mark], of: Store.source, in: connection, clock: start
                ) { batch in
                    _ = try batch.apply(new, rules, clock: start)
                    _ = try batch.apply(limit, rules, clock: start)
                    _ = try batch.apply(mark, rules, clock: start)
                }
            }
            let context = try await store.entry(of: user)?.account?.context
            #expect(context?.brakes?.limits == limits)
            #expect(context?.topUpBelow?.decimal == "1.00")
        }
    }

    @Test("Who is no user gets neither an account nor a log, whatever is asked for them")
    func nobody() async throws {
        try await Store.run { store in
            let nobody = UUID()
            #expect(try await store.ledger.perform(ValidateUsage(nobody)) == .unknownUser)
            let outcome = try await store.ledger.perform(
                ActivateFreeSubscription(userID: nobody, subscriptionID: nobody, former: nil))
            #expect(outcome == .unknownUser)
            #expect(try await store.entry(of: nobody) == nil)
            #expect(try await store.database.integer("SELECT count(*) FROM subscriptions") == 0)
        }
    }

    @Test("A user who is deactivated by another process is refused by the next decision")
    func deactivated() async throws {
        try await Store.run { store in
            let user = try await store.newUser(1)
            let other = Store(over: store.database)
            let found = try await other.ledger.perform(
                SetStanding(userID: user, isActive: false))
            #expect(found)
            #expect(try await store.ledger.perform(ValidateUsage(user)) == .deactivatedUser)
            #expect(try await store.logs(of: user).isEmpty)
            _ = try await other.ledger.perform(SetStanding(userID: user, isActive: true))
            other.ledger.close()
            #expect(try await store.ledger.perform(ValidateUsage(user)).grant != nil)
        }
    }

    @Test("Who is locked out before they have an account is locked out with it")
    func deactivatedBefore() async throws {
        try await Store.run { store in
            let id = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7))
            try await store.database.insertUser(id, at: start)
            _ = try await store.database.write { connection in
                try connection.execute(
                    "UPDATE users SET is_active = 0 WHERE id = ?", [.uuid(id)])
            }
            #expect(try await store.ledger.perform(ValidateUsage(id)) == .deactivatedUser)
            _ = try await store.ledger.perform(
                ActivateFreeSubscription(userID: id, subscriptionID: id, former: nil))
            #expect(try await store.ledger.perform(ValidateUsage(id)) == .deactivatedUser)
            let nobody = try await store.ledger.perform(
                SetStanding(userID: UUID(), isActive: true))
            #expect(!nobody)
        }
    }

    @Test("A catalog that another process has changed is the next decision's")
    func catalog() async throws {
        try await Store.run { store in
            let user = try await store.newUser(1)
            #expect(try await store.ledger.perform(ValidateUsage(user, "a")).grant != nil)
            _ = try await store.database.write { connection in
                let catalog = try Catalog(revision: 1, plans: [TestCatalog.free], features: [])
                try DirectLedger.install(catalog, in: connection, now: start)
            }
            #expect(
                try await store.ledger.perform(ValidateUsage(user, "b")) == .unknownFeature)
        }
    }
}

@Suite("The account's row tells when the first of what is held may lapse")
struct EarliestExpiryTests {
    private let start = TestCatalog.start

    private func at(
        _ seconds: Int64, in store: Store, _ commands: [any LedgerCommand]
    ) throws -> LedgerBatch {
        let rules = LedgerRules(
            catalog: try TestCatalog.catalog(), reservationTTL: 900, pastDueGrace: 0)
        let clock = start.adding(seconds: seconds)
        return try store.database.writeBlocking { connection in
            try DirectLedger.carryOut(
                commands, of: Store.source, in: connection, clock: clock
            ) { batch in
                for command in commands { _ = try batch.apply(command, rules, clock: clock) }
                return batch
            }
        }
    }

    private func bound(_ user: UUID, in store: Store) async throws -> Int64? {
        let entry = try await store.entry(of: user)
        return entry?.account?.context.earliestExpiry.map { $0.seconds - start.seconds }
    }

    private func end(_ usage: UUID?, of user: UUID) throws -> CommitUsage {
        CommitUsage(
            userID: user, usageID: try #require(usage), result: .success,
            metrics: UsageLog.Metrics())
    }

    @Test("It is the end of the first reservation, whichever is committed, until somebody looks")
    func first() async throws {
        try await Store.run { store in
            let user = try await store.newUser(1)
            #expect(try await bound(user, in: store) == nil)
            _ = try at(0, in: store, [ValidateUsage(user, "a")])
            let second = try at(60, in: store, [ValidateUsage(user, "b")])
            #expect(try await bound(user, in: store) == 900)
            _ = try at(61, in: store, [try end(second.insertedLogs.first, of: user)])
            #expect(try await bound(user, in: store) == 900)
        }
    }

    @Test("Once it has come, what is overdue expires and the end of the next one stands there")
    func looked() async throws {
        try await Store.run { store in
            let user = try await store.newUser(1)
            _ = try at(0, in: store, [ValidateUsage(user, "a")])
            _ = try at(60, in: store, [ValidateUsage(user, "b")])
            let late = try at(900, in: store, [ValidateUsage(user, "c")])
            #expect(late.changedLogs.count == 1)
            #expect(try await bound(user, in: store) == 960)
            let before = try at(959, in: store, [SettleAccount(userID: user)])
            #expect(before.changedLogs.isEmpty)
            let all = try at(5_000, in: store, [SettleAccount(userID: user)])
            #expect(all.changedLogs.count == 2)
            #expect(try await bound(user, in: store) == nil)
        }
    }

    @Test("A refusal that has looked in vain writes nothing")
    func refusal() async throws {
        try await Store.run { store in
            let user = try await store.newUser(1)
            let made = try at(0, in: store, [ValidateUsage(user, "a")])
            _ = try at(60, in: store, [ValidateUsage(user, "b")])
            _ = try at(61, in: store, [try end(made.insertedLogs.first, of: user)])
            let before = try await store.database.texts(row)
            // The first one was committed in time; the second is held for another minute.
            _ = try at(901, in: store, [ValidateUsage(user, "a")])
            #expect(try await store.database.texts(row) == before)
            #expect(try await bound(user, in: store) == 900)
        }
    }

    /// What the account's row says, and when it was written last.
    private var row: String {
        "SELECT decided_at || ' ' || earliest_expiry FROM career_subscription_contexts"
    }

    @Test("An acceptance that is withdrawn counts again")
    func withdrawn() async throws {
        try await Store.run { store in
            let user = try await store.newUser(1)
            let made = try at(0, in: store, [ValidateUsage(user, "a")])
            let commit = try end(made.insertedLogs.first, of: user)
            _ = try at(10, in: store, [AcceptCommit(commit)])
            let idle = try at(2_000, in: store, [SettleAccount(userID: user)])
            #expect(idle.changedLogs.isEmpty)
            _ = try at(2_001, in: store, [ValidateUsage(user, "b")])
            #expect(try await bound(user, in: store) == 2_901)
            let given = try at(2_002, in: store, [WithdrawCommit(commit)])
            #expect(given.changedLogs.count == 1)
            #expect(try await store.logs(of: user).map(\.status) == [.expired, .pending])
        }
    }
}
