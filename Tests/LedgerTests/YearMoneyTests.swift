import Foundation
import Ledger
import Testing
import Values

@Suite("Money of a year that goes back, and its end")
struct YearMoneyTests: YearLife {
    var ledger = TestLedger(Years.rules())
    var stripe = Years()
    let user: UUID

    init() { user = ledger.newUser() }

    @Test(
        "What goes back of a year takes its share of the running and of each coming month",
        arguments: [
            (0, "500.00"), (1, "499.97"), (5000, "375.00"), (6667, "333.32"), (19_999, "0.02"),
        ])
    mutating func inPart(returned: Int64, left: String) {
        pay()
        go(to: month(2))
        stripe.periods[0].money = BillingSnapshot.Money(paid: 20_000, returned: returned)
        see()
        #expect(allocated == left)
        for count in [3, 4, 7] as [Int64] {
            go(to: month(count))
            #expect(allocated == left)
            see()
        }
        // The refund fails in the end.
        stripe.periods[0].money = BillingSnapshot.Money(paid: 20_000, returned: 0)
        see()
        #expect(allocated == "500.00" && owed == "0.00")
        let past = ledger.grants.filter { $0.kind == .revocation && $0.periodNumber < 3 }
        #expect(past.isEmpty, "the months that are over stay")
    }

    @Test("What was used of a month beyond what is left of it is a debt of the next")
    mutating func debt() {
        pay()
        use(400)
        stripe.periods[0].money = BillingSnapshot.Money(paid: 20_000, returned: 10_000)
        see()
        #expect(owed == "150.00")
        go(to: month(1))
        #expect(allocated == "100.00" && owed == "0.00")
        see()
        go(to: month(2))
        #expect(allocated == "250.00")
    }

    @Test("What goes back in full ends the plan at once, also in a month that nobody has seen")
    mutating func inFull() {
        ledger.rules = Years.rules(
            rollover: Rollover(maxCredits: Credits(decimal: "100")!, periods: 3))
        pay()
        go(to: month(1))
        ledger.now = month(4).adding(seconds: 86_400)
        stripe.periods[0].money = BillingSnapshot.Money(paid: 20_000, returned: 20_000)
        see()
        let subscription = ledger.accounts[user]!.subscription
        #expect(subscription.planID == TestLedger.free.id && context.year == nil)
        #expect(allocated == "25.00" && context.period.end == month(5))
        #expect(ledger.parts(user, "rollover 2")[0] == "0.00")
        #expect(ledger.parts(user, "rollover 3")[0] == "0.00")
        go(to: month(5))
        #expect(context.period.source == .free && allocated == "25.00")
    }

    @Test(
        "Canceled at once, the month in which that happened goes on, capped",
        arguments: [false, true])
    mutating func canceled(isHeardLate: Bool) {
        pay()
        stripe.endedAt = month(3).adding(seconds: 86_400)
        stripe.status = .canceled
        ledger.now = isHeardLate ? month(5) : stripe.endedAt!
        see()
        #expect(granted == ["in_1", "in_1 4"])
        settle()
        #expect(allocated == "25.00" && context.year == nil)
        #expect(context.anchor == month(4))
        #expect(context.period.source == (isHeardLate ? .free : .paid))
    }

    @Test("Ended with its year, a free month begins then")
    mutating func ended() {
        pay()
        go(to: month(11))
        ledger.now = month(12)
        (stripe.endedAt, stripe.status) = (month(12), .canceled)
        see()
        #expect(context.period.source == .free && context.period.start == month(12))
        #expect(granted == ["in_1", "in_1 12"])
    }

    @Test(
        "Whenever it is looked at, a year grants no more than its months and what is kept of them")
    mutating func anyTimes() {
        for seed in 1...60 as ClosedRange<UInt64> {
            var test = YearMoneyTests()
            var random = SeededGenerator(seed: seed)
            test.pay()
            var returned: Int64 = 0
            for _ in 0..<20 {
                test.ledger.advance(seconds: .random(in: 1...(40 * 86_400), using: &random))
                guard test.ledger.now < test.month(12) else { break }
                if Bool.random(using: &random) {
                    returned = .random(in: returned...19_999, using: &random)
                    test.stripe.periods[0].money = BillingSnapshot.Money(
                        paid: 20_000, returned: returned)
                    test.see()
                } else {
                    test.settle()
                }
                // Hundredths of a credit, rounded down.
                let kept = 50_000 * (20_000 - returned) / 20_000
                #expect(test.context.allocated.micros == kept * 10_000, "seed \(seed)")
                #expect(test.context.period.contains(test.ledger.now), "seed \(seed)")
            }
            #expect(test.granted.count <= 12 && test.ledger.brokenInvariants() == [])
        }
    }

    // MARK: Upgrades within the year

    @Test("The money of an upgrade that was heard of late takes what it added, the year's the rest")
    mutating func lateUpgrade() {
        pay()
        stripe.upgrade(at: month(1).adding(seconds: 86_400))
        go(to: month(2).adding(seconds: 86_400))
        see()
        #expect(allocated == "2000.00")
        stripe.giveBackUpgrade(500)
        see()
        #expect(allocated == "1250.00")
        stripe.giveBackUpgrade(1000)
        see()
        #expect(allocated == "500.00")
        stripe.giveBack(10_000)
        see()
        #expect(allocated == "250.00")
        go(to: month(3))
        see()
        #expect(allocated == "250.00")
    }

    @Test("An upgrade that was returned before it was heard of leaves what the year has granted")
    mutating func returnedUpgrade() {
        pay()
        stripe.upgrade(at: month(1).adding(seconds: 86_400))
        stripe.giveBackUpgrade(1000)
        go(to: month(2))
        see()
        #expect(allocated == "500.00" && owed == "0.00")
        stripe.giveBack(5000)
        see()
        #expect(allocated == "375.00")
    }

    @Test(
        "Up and down again, each coming month is the year's alone",
        arguments: [false, true])
    mutating func upAndDown(isHeardLate: Bool) {
        pay()
        go(to: month(2).adding(seconds: 86_400))
        stripe.upgrade(at: ledger.now)
        see()
        go(to: month(4).adding(seconds: 86_400))
        let down = ledger.now
        if isHeardLate { go(to: month(5)) }
        stripe.lower(at: down)
        see()
        if !isHeardLate { go(to: month(5)) }
        see()
        #expect(allocated == "500.00")
        stripe.giveBack(10_000)
        see()
        #expect(allocated == "250.00")
        go(to: month(6))
        see()
        #expect(allocated == "250.00")
        // Of the upgrade nothing is left that could go with its money.
        stripe.giveBackUpgrade(1000)
        see()
        #expect(allocated == "250.00")
    }

    @Test("What nobody has paid for of an upgrade takes nothing of the year's credits")
    mutating func unpaidUpgrade() {
        pay()
        stripe.upgrade(at: month(1), isPaid: false)
        go(to: month(2))
        stripe.giveBack(10_000)
        see()
        #expect(allocated == "250.00")
    }

    @Test(
        "Of money that went back and of a lower plan a month owes nothing that was not used",
        arguments: [false, true], [10_000, 19_000, 19_999] as [Int64])
    mutating func returnedAndLowered(isHeardLate: Bool, returned: Int64) {
        stripe.pay(Years.proYearly, from: ledger.now)
        see()
        go(to: month(2).adding(seconds: 86_400))
        stripe.giveBack(returned)
        if !isHeardLate { see() }
        ledger.advance(days: 1)
        stripe.lower(at: ledger.now)
        see()
        #expect(owed == "0.00")
        go(to: month(3))
        see()
        let kept = Credits(clamping: 500 * (20_000 - returned) / 200 * 10_000)
        #expect(context.allocated == kept && owed == "0.00")
    }

    @Test("An upgrade that is heard of only with the end, and the lower plan since, take nothing")
    mutating func upAndDownAndOver() {
        pay()
        stripe.upgrade(at: month(1).adding(seconds: 86_400))
        stripe.giveBackUpgrade(250)
        stripe.lower(at: month(4).adding(seconds: 86_400))
        ledger.now = month(4).adding(seconds: 10 * 86_400)
        (stripe.status, stripe.endedAt) = (.canceled, ledger.now)
        see()
        #expect(allocated == "25.00" && owed == "0.00")
    }

    @Test("What went back of an upgrade of the year before takes nothing of the next year")
    mutating func upgradeOfFormerYear() {
        pay()
        stripe.upgrade(at: month(3))
        stripe.giveBackUpgrade(610)
        ledger.now = month(7).adding(seconds: 18 * 86_400)
        stripe.lower(at: ledger.now)
        see()
        ledger.now = month(12)
        stripe.giveBack(17_979)
        stripe.pay(Years.plusYearly, "in_2", from: ledger.now)
        see()
        #expect(allocated == "500.00" && owed == "0.00")
    }

    @Test("A change of the year that took a month's place takes nothing of that month")
    mutating func changeSoonAfter() {
        stripe.pay(Years.pro, from: ledger.now)
        see()
        use(1500)
        stripe.takeYear(Years.proYearly, "in_2", at: month(0).adding(seconds: 3 * 86_400))
        ledger.now = month(0).adding(seconds: 18 * 86_400)
        stripe.lower(at: ledger.now)
        see()
        // 1785.72 of the month went back, of which 500.00 were left; then 13 of 28 days of 1500.
        #expect(allocated == "17.85" && owed == "0.00")
    }
}
