import Foundation
import Ledger
import Testing
import Values

@Suite("Grants beside the pool")
struct StandaloneGrantTests {
    var ledger = TestLedger()
    private let one = Credits(decimal: "1")!

    @Test("What would be lost first is used first, and bought credits last; the pool takes part")
    mutating func drawOrder() {
        let user = ledger.newUser()
        ledger.give(user, "1", "bought", source: .topUp, isPaid: true)
        ledger.give(user, "1", "never ends")
        ledger.give(user, "1", "ends after the pool", until: 40 * 86_400)
        ledger.give(user, "1", "ends before the pool", until: 86_400)
        ledger.give(user, "1", "bought and ends, too", until: 86_400, isPaid: true)
        ledger.give(user, "1", "last by its priority", priority: 90, until: 60)
        ledger.give(user, "1", "first by its priority", priority: 10)
        let usage = ledger.hold(user, "32")
        #expect(
            ledger.draws(usage) == [
                "first by its priority 1.00 0.00", "ends before the pool 1.00 0.00",
                "bought and ends, too 1.00 0.00", "pool 1 25.00 0.00",
                "ends after the pool 1.00 0.00", "never ends 1.00 0.00", "bought 1.00 0.00",
                "last by its priority 1.00 0.00",
            ])
        #expect(ledger.available(user) == "0.00" && ledger.brokenInvariants() == [])
    }

    @Test("Grants of one rank are used in the order in which they begin, then in that of their ids")
    mutating func sameRank() {
        let user = ledger.newUser()
        ledger.give(user, "1", "second", priority: 1)
        ledger.give(user, "1", "first", priority: 1, from: -10)
        ledger.give(user, "1", "third", priority: 1)
        let ids = [ledger.grant(user, "second").id.text, ledger.grant(user, "third").id.text]
        let names = ["first"] + (ids[0] < ids[1] ? ["second", "third"] : ["third", "second"])
        let usage = ledger.hold(user, "3")
        #expect(ledger.draws(usage) == names.map { "\($0) 1.00 0.00" })
    }

    @Test("A call of an account without grants has no list of what it drew")
    mutating func without() {
        let user = ledger.newUser()
        let usage = ledger.hold(user, "3")
        ledger.capture(user, usage, "0.5")
        _ = ledger.commit(user, usage)
        #expect(ledger.draws(usage) == [] && ledger.context(user).openGrants == 0)
    }

    @Test("Parts are taken from the front, what goes back from the rear, and raises append")
    mutating func frontAndRear() {
        let user = ledger.newUser()
        ledger.give(user, "2", "gift", priority: 1)
        let usage = ledger.hold(user, "3")
        #expect(ledger.draws(usage) == ["gift 2.00 0.00", "pool 1 1.00 0.00"])
        ledger.capture(user, usage, "1.5")
        _ = ledger.raise(user, usage, one)
        #expect(ledger.draws(usage) == ["gift 0.50 1.50", "pool 1 2.00 0.00"])
        ledger.apply(
            CommitUsage(
                userID: user, usageID: usage, result: .success, metrics: UsageLog.Metrics(),
                credits: one))
        #expect(ledger.draws(usage) == ["gift 0.00 2.00", "pool 1 0.00 0.50"])
        #expect(ledger.context(user).used.decimal == "0.50" && ledger.brokenInvariants() == [])
    }

    @Test("Expired credit that no sweeper has met is not spent")
    mutating func unswept() {
        let user = ledger.newUser()
        ledger.give(user, "10", until: 60)
        ledger.apply(
            AdjustCredits(
                userID: user, credits: Credits(decimal: "-25")!, reason: "x", cause: "x"))
        #expect(ledger.available(user) == "10.00")
        ledger.advance(seconds: 59)
        let last = ledger.reserve(user, "in time")
        ledger.advance(seconds: 1)
        #expect(ledger.available(user) == "0.00")
        guard case .denied(.quotaExceeded, _) = ledger.validate(user, "late") else {
            Issue.record("what has ended was spent")
            return
        }
        // What was held in time may be captured, and what goes back is forfeited.
        ledger.capture(user, last, "0.25")
        _ = ledger.commit(user, last, success: false)
        #expect(ledger.parts(user) == ["0.00", "0.00", "0.25", "9.75", "0.00"])
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("The sweeper writes down what has ended, and what is held outlives the end")
    mutating func swept() {
        let user = ledger.newUser()
        ledger.give(user, "10", priority: 1, until: 60)
        let usage = ledger.hold(user, "4")
        ledger.advance(seconds: 60)
        #expect(ledger.apply(SettleAccount(userID: user)).expired == 1)
        #expect(ledger.parts(user) == ["0.00", "4.00", "0.00", "6.00", "0.00"])
        #expect(ledger.apply(SettleAccount(userID: user)).expired == 0)
        _ = ledger.commit(user, usage)
        #expect(ledger.parts(user) == ["0.00", "0.00", "4.00", "6.00", "0.00"])
        #expect(ledger.context(user).openGrants == 0 && ledger.brokenInvariants() == [])
    }

    @Test("A hold on Free that is settled after an upgrade goes home, to the very grants")
    mutating func releasedAfterUpgrade() {
        let user = ledger.newUser()
        ledger.give(user, "10", priority: 1)
        let usage = ledger.hold(user, "12")
        ledger.apply(ApplyBilling(userID: user, snapshot: .plus()))
        #expect(ledger.context(user).remaining.decimal == "500.00")
        _ = ledger.commit(user, usage, success: false)
        #expect(ledger.parts(user) == ["10.00", "0.00", "0.00", "0.00", "0.00"])
        // What came from the free month is gone with it; the paid period's is its own.
        #expect(ledger.context(user).remaining.decimal == "500.00")
        #expect(ledger.available(user) == "510.00" && ledger.brokenInvariants() == [])
    }

    @Test("What was bought outlives a renewal, a subscription, a downgrade and an edited catalog")
    mutating func untouched() {
        let user = ledger.newUser()
        ledger.give(user, "100", "bought", source: .topUp, isPaid: true)
        let whole = ["100.00", "0.00", "0.00", "0.00", "0.00"]
        ledger.advance(days: 40)
        ledger.apply(SettleAccount(userID: user))
        #expect(ledger.parts(user, "bought") == whole)
        ledger.apply(ApplyBilling(userID: user, snapshot: .plus(from: 40)))
        ledger.apply(
            ApplyBilling(
                userID: user,
                snapshot: snapshot(
                    TestLedger.pro, from: 40, changedAfter: 41, invoicedPlan: TestLedger.plus)))
        ledger.apply(
            ApplyBilling(userID: user, snapshot: .plus(from: 40, isRevoked: true)))
        #expect(ledger.parts(user, "bought") == whole)
        ledger.rules = LedgerRules(
            catalog: try! Catalog(
                revision: 2,
                plans: [
                    TestLedger.plan(
                        1, "Free", .free, price: 0, credits: "1", minute: nil, day: nil),
                    TestLedger.plus, TestLedger.pro,
                ], features: Array(TestLedger.rules.catalog.features.values)),
            reservationTTL: 900, pastDueGrace: 0)
        ledger.advance(days: 80)
        ledger.apply(SettleAccount(userID: user))
        #expect(ledger.parts(user, "bought") == whole)
        #expect(ledger.available(user) == "101.00" && ledger.brokenInvariants() == [])
    }

    @Test("Credits that were given once do not come again with a period")
    mutating func noRefill() {
        let user = ledger.newUser()
        ledger.give(user, "3", priority: 1)
        _ = ledger.commit(user, ledger.hold(user, "3"))
        for _ in 0..<3 {
            ledger.advance(days: 31)
            ledger.apply(SettleAccount(userID: user))
            #expect(ledger.available(user) == "25.00")
        }
        #expect(ledger.parts(user) == ["0.00", "0.00", "3.00", "0.00", "0.00"])
    }

    @Test("A hold that outlives its period is raised from the new one, and each part goes home")
    mutating func acrossPeriods() {
        let user = ledger.newUser()
        ledger.advance(days: 27, seconds: 86_400 - 60)
        let usage = ledger.hold(user, "3")
        ledger.advance(seconds: 100)
        ledger.apply(SettleAccount(userID: user))
        guard case .done = ledger.raise(user, usage, Credits(decimal: "2")!) else {
            Issue.record("a hold of an earlier period was not raised")
            return
        }
        #expect(ledger.draws(usage) == ["pool 1 3.00 0.00", "pool 2 2.00 0.00"])
        #expect(ledger.context(user).reserved.decimal == "2.00")
        ledger.capture(user, usage, "3.5")
        #expect(ledger.context(user).used.decimal == "0.50")
        _ = ledger.commit(user, usage, success: false)
        #expect(ledger.available(user) == "24.50" && ledger.brokenInvariants() == [])
    }
}
