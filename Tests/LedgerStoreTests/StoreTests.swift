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
                    var direct = DirectLedger(reservationTTL: 900)
                    let command = ValidateUsage(user)
                    try direct.carryOut([command], in: connection, clock: start) { batch in
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
                var direct = DirectLedger(reservationTTL: 900)
                let command = ValidateUsage(user)
                try direct.carryOut([command], in: connection, clock: start) { batch in
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
            _ = try await store.database.write { connection in
                try connection.execute(
                    "UPDATE users SET is_active = 0 WHERE id = ?", [.uuid(user)])
            }
            #expect(try await store.ledger.perform(ValidateUsage(user)) == .deactivatedUser)
            #expect(try await store.logs(of: user).isEmpty)
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

@Suite("The negative cache of overdue reservations")
struct OverdueWatchTests {
    private let start = TestCatalog.start

    @Test("A user who was never looked at must be looked at")
    func unknown() {
        #expect(OverdueWatch(reservationTTL: 900).mustLook(for: UUID(), at: start))
    }

    @Test(
        "A user is clear until the first reservation ends, or one made just now would",
        arguments: [(nil, 900), (300, 300), (900, 900), (5000, 900), (-1, -1)] as [(Int64?, Int64)])
    func clear(firstEnd: Int64?, clearFor: Int64) {
        var watch = OverdueWatch(reservationTTL: 900)
        let user = UUID()
        watch.looked(
            for: user, decidedAt: start, firstEnd: firstEnd.map { start.adding(seconds: $0) })
        #expect(!watch.mustLook(for: user, at: start.adding(seconds: clearFor - 1)))
        #expect(watch.mustLook(for: user, at: start.adding(seconds: clearFor)))
    }

    @Test("A full cache forgets all and stays bounded; who is forgotten is looked at anew")
    func full() {
        var watch = OverdueWatch(reservationTTL: 900)
        let first = UUID()
        watch.looked(for: first, decidedAt: start, firstEnd: nil)
        for _ in 1..<OverdueWatch.maximumUsers {
            watch.looked(for: UUID(), decidedAt: start, firstEnd: nil)
        }
        #expect(!watch.mustLook(for: first, at: start))
        let last = UUID()
        watch.looked(for: last, decidedAt: start, firstEnd: nil)
        #expect(watch.mustLook(for: first, at: start))
        #expect(!watch.mustLook(for: last, at: start))
    }
}
