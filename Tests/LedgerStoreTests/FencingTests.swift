import Database
import Foundation
import Ledger
import LedgerStore
import TestFixtures
import Testing
import Values

@Suite("Fencing tokens")
struct FencingTests {
    private struct Thrown: Error {}

    private func snapshot(_ plan: Plan) -> BillingSnapshot {
        let start = TestCatalog.start
        return BillingSnapshot(
            customerID: "cus_1", subscriptionID: "sub_1", planID: plan.id, status: .active,
            cancelAtPeriodEnd: false, canceledAt: nil, endedAt: nil, trialEnd: nil,
            periods: [
                .init(
                    invoiceID: "in_1", planID: plan.id, start: start,
                    end: start.adding(seconds: 30 * 86_400))
            ],
            changes: [])
    }

    private func isOutOfDate(_ token: Int64, in store: Store) async throws -> Bool {
        try await store.database.read {
            try CareerLedger.isOutOfDate(token, of: "sub_1", in: $0)
        }
    }

    @Test("Those of one batch are handed out in order, of each subscription its own")
    func inOrder() async throws {
        try await Store.run { store in
            let take: @Sendable (String) -> Store.Operation<Int64> = { subscription in
                { try await $0.takeToken(of: subscription) }
            }
            let results = await store.inOneBatch(
                ["sub_1", "sub_2", "sub_1", "sub_1", "sub_2"].map(take))
            let numbers = try results.values()
            #expect(numbers == [1, 1, 2, 3, 2])
        }
    }

    @Test("Another process goes on where the first one ended")
    func restart() async throws {
        try await Store.run { store in
            let first = try await store.ledger.takeToken(of: "sub_1")
            let other = Store(over: store.database)
            let second = try await other.ledger.takeToken(of: "sub_1")
            other.ledger.close()
            let third = try await store.ledger.takeToken(of: "sub_1")
            #expect([first, second, third] == [1, 2, 3])
        }
    }

    @Test("A batch that a neighbour undoes hands the same tokens out once more, none twice")
    func undone() async throws {
        try await Store.run { store in
            let take: Store.Operation<Int64> = { try await $0.takeToken(of: "sub_1") }
            let fail: Store.Operation<Int64> = { ledger in
                try await ledger.write(row: "") { _ in throw Thrown() }
            }
            let results = await store.inOneBatch([take, fail, take])
            #expect(results[1].error is Thrown)
            let next = try await store.ledger.takeToken(of: "sub_1")
            #expect(try [results[0].get(), results[2].get(), next] == [1, 2, 3])
        }
    }

    @Test("A snapshot under an earlier token than one that was applied writes nothing")
    func outOfDate() async throws {
        try await Store.run { store in
            let user = try await store.newUser(1)
            for number in 1...2 as ClosedRange<Int64> {
                #expect(try await store.ledger.takeToken(of: "sub_1") == number)
            }
            let newer = snapshot(TestCatalog.pro)
            _ = try await store.ledger.perform(
                ApplyBilling(userID: user, snapshot: newer, token: 2))
            let after = try await store.entry(of: user)?.account
            #expect(after?.subscription.planID == TestCatalog.pro.id)
            let late = try await store.ledger.perform(
                ApplyBilling(userID: user, snapshot: snapshot(TestCatalog.plus), token: 1))
            #expect(late == .outOfDate)
            #expect(try await store.entry(of: user)?.account == after)
        }
    }

    @Test("Of two snapshots in one batch the later token counts, in whichever order they come")
    func sameBatch() async throws {
        try await Store.run { store in
            let user = try await store.newUser(1)
            _ = try await store.ledger.takeToken(of: "sub_1")
            _ = try await store.ledger.takeToken(of: "sub_1")
            let (plus, pro) = (snapshot(TestCatalog.plus), snapshot(TestCatalog.pro))
            let apply: @Sendable (BillingSnapshot, Int64) -> Store.Operation<ApplyBilling.Outcome> =
                { snapshot, token in
                    { ledger in
                        try await ledger.perform(
                            ApplyBilling(userID: user, snapshot: snapshot, token: token))
                    }
                }
            let results = await store.inOneBatch([apply(pro, 2), apply(plus, 1)])
            #expect(try results[1].get() == .outOfDate)
            let account = try await store.entry(of: user)?.account
            #expect(account?.subscription.planID == TestCatalog.pro.id)
        }
    }

    @Test("A token is out of date once a later one was applied, not once one was taken")
    func judged() async throws {
        try await Store.run { store in
            let user = try await store.newUser(1)
            #expect(try await !isOutOfDate(1, in: store))
            _ = try await store.ledger.takeToken(of: "sub_1")
            _ = try await store.ledger.takeToken(of: "sub_1")
            #expect(try await !isOutOfDate(1, in: store))
            _ = try await store.ledger.perform(
                ApplyBilling(userID: user, snapshot: snapshot(TestCatalog.plus), token: 2))
            #expect(try await isOutOfDate(1, in: store))
            #expect(try await !isOutOfDate(2, in: store))
        }
    }
}
