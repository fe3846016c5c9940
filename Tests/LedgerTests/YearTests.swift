import Foundation
import Ledger
import Testing
import Values

@Suite("A year is paid for at once and granted by the month")
struct YearTests: YearLife {
    var ledger = TestLedger(Years.rules())
    var stripe = Years()
    let user: UUID

    init() { user = ledger.newUser() }

    @Test(
        "Twelve months are granted on the anchor's day, each once, and none after the year",
        arguments: [
            "2026-01-31T12:00:00Z", "2028-02-29T00:00:00Z", "2026-06-15T23:59:59Z",
            "2027-11-30T06:30:00Z",
        ])
    mutating func months(anchor: String) {
        let anchor = Timestamp(rfc3339: anchor)!
        ledger.now = anchor
        pay()
        var starts = [context.period.start]
        for _ in 0..<(400 * 2) {
            ledger.advance(seconds: 43_200)
            settle()
            if context.period.start != starts.last { starts.append(context.period.start) }
        }
        #expect(starts == (0..<12).map { anchor.adding(months: $0) })
        #expect(granted == ["in_1"] + (2...12).map { "in_1 \($0)" })
        #expect(context.period.end == anchor.adding(months: 12))
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("A month begins at its first decision, with what the catalog grants then")
    mutating func atTheBoundary() {
        pay()
        use(500)
        ledger.now = month(1).adding(seconds: -1)
        guard case .denied(.quotaExceeded, _) = ledger.validate(user, "more") else {
            Issue.record("the month is used up")
            return
        }
        ledger.now = month(1)
        guard case .granted = ledger.validate(user, "next") else {
            Issue.record("a month begins")
            return
        }
        #expect(allocated == "500.00" && context.period.number == 3)
        #expect(context.paidFrom == month(0) && context.paidUntil == month(12))
    }

    @Test("Months without a decision are not granted")
    mutating func skipped() {
        pay()
        go(to: month(5).adding(seconds: 86_400))
        #expect(granted == ["in_1", "in_1 6"] && allocated == "500.00")
        #expect(context.period.start == month(5) && context.period.end == month(6))
        go(to: month(12).adding(seconds: 86_400))
        #expect(granted.count == 2)
        expect(entitled: false)
    }

    @Test("What the last month has left stays usable for the grace after the year, and no longer")
    mutating func grace() {
        pay()
        go(to: month(11))
        ledger.now = month(12).adding(seconds: 3 * 86_400 - 1)
        expect(entitled: true)
        ledger.advance(seconds: 1)
        expect(entitled: false)
        #expect(granted == ["in_1", "in_1 12"])
    }

    @Test("A year that is heard of late begins with the month that runs, and is granted once")
    mutating func late() {
        stripe.pay(from: ledger.now)
        ledger.now = month(3).adding(seconds: 60)
        see()
        #expect(granted == ["in_1"] && context.period.start == month(3))
        go(to: month(4))
        see()
        #expect(granted == ["in_1", "in_1 5"])
    }

    @Test(
        "What a month leaves over goes to the next, also into the next year, by the anchor's days")
    mutating func rollover() {
        ledger.rules = Years.rules(
            rollover: Rollover(maxCredits: Credits(decimal: "100")!, periods: 2))
        pay()
        go(to: month(1))
        #expect(ledger.grant(user, "rollover 2").expiresAt == month(3))
        #expect(ledger.parts(user, "rollover 2")[0] == "100.00")
        #expect(ledger.grant(user, "rollover 2").isPaid)
        go(to: month(11))
        ledger.now = month(12)
        stripe.pay(Years.plusYearly, "in_2", from: month(12))
        see()
        #expect(granted.last == "in_2" && ledger.grant(user, "rollover 4").expiresAt == month(14))
        #expect(allocated == "500.00" && context.paidUntil == month(24))
    }

    @Test("A trial of a year's plan is one period; the year begins with its first payment")
    mutating func trial() {
        let end = ledger.now.adding(seconds: 7 * 86_400)
        stripe.status = .trialing
        stripe.trialEnd = end
        stripe.periods = [
            Years.Period(
                invoice: "in_0", plan: Years.plusYearly, start: ledger.now, end: end, money: .none,
                isFirst: true, isTrial: true)
        ]
        see()
        #expect(context.year == nil && context.period.end == end && allocated == "500.00")
        ledger.now = end
        stripe.status = .active
        stripe.pay(from: end)
        see()
        #expect(granted == ["in_0", "in_1"] && context.period.end == end.adding(months: 1))
        #expect(context.paidUntil == end.adding(months: 12) && allocated == "500.00")
    }

    // MARK: Moves

    @Test("A higher plan adds the month's share at once, and the coming months are its")
    mutating func upgrade() {
        pay()
        go(to: month(4).adding(seconds: 15 * 86_400))
        stripe.upgrade(at: ledger.now)
        see()
        // 15 of the 30 days from 31 May to 30 June are left.
        #expect(allocated == "1250.00")
        go(to: month(5))
        see()
        #expect(allocated == "2000.00")
        stripe.giveBackUpgrade(333)
        see()
        #expect(allocated == "1500.50")
        go(to: month(6))
        see()
        #expect(allocated == "1500.50")
        stripe.giveBackUpgrade(1000)
        see()
        #expect(allocated == "500.00")
        go(to: month(7))
        #expect(allocated == "500.00" && owed == "0.00")
    }

    @Test("An upgrade of an earlier month that is heard of late fills the running month up, once")
    mutating func lateUpgrade() {
        pay()
        stripe.upgrade(at: month(1).adding(seconds: 86_400))
        go(to: month(2).adding(seconds: 86_400))
        #expect(allocated == "500.00")
        see()
        #expect(allocated == "2000.00")
        go(to: month(3))
        see()
        #expect(allocated == "2000.00")
    }

    @Test("An upgrade that nobody has paid for adds nothing to any month")
    mutating func unpaid() {
        pay()
        stripe.upgrade(at: month(1), isPaid: false)
        for count in 1..<12 as Range<Int64> {
            go(to: month(count))
            see()
            #expect(allocated == "500.00")
        }
    }

    @Test(
        "A year in place of a month takes the month's rest back; what was used of it is a debt",
        arguments: [(0, "2000.00"), (250, "2000.00"), (400, "1850.00"), (500, "1750.00")])
    mutating func yearForMonth(used: Int, first: String) {
        stripe.pay(Years.plus, "in_0", from: ledger.now)
        stripe.periods[0].end = ledger.now.adding(seconds: 30 * 86_400)
        see()
        use(used)
        ledger.advance(days: 15)
        stripe.takeYear(Years.proYearly, "in_1", at: ledger.now)
        let outcome = ledger.apply(ApplyBilling(userID: user, snapshot: stripe.snapshot))
        guard case .applied(_, [.upgraded]) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        see()
        #expect(allocated == first && owed == "0.00")
        let year = ledger.now
        go(to: year.adding(months: 1))
        see()
        #expect(allocated == "2000.00" && granted == ["in_0", "in_1", "in_1 2"])
    }

    @Test("Moves lead up at once and down at the end, a year to the month always at the end")
    func ways() {
        let (plus, plusYearly) = (Years.plus, Years.plusYearly)
        let (pro, proYearly) = (Years.pro, Years.proYearly)
        for (from, to) in [
            (plus, plusYearly), (plus, pro), (plus, proYearly), (plusYearly, proYearly),
            (pro, proYearly),
        ] {
            #expect(PlanMove(from: from, to: to) == .upgrade, "\(from.name) to \(to.name)")
            #expect(PlanMove(from: to, to: from) == .downgrade, "\(to.name) to \(from.name)")
        }
        // Neither way is at once: a lower rank, and a shorter interval.
        #expect(PlanMove(from: pro, to: plusYearly) == .downgrade)
        #expect(PlanMove(from: plusYearly, to: pro) == .downgrade)
    }

    @Test("By the month again after the year: the month's own invoice grants it")
    mutating func monthAfterYear() {
        pay()
        go(to: month(11))
        ledger.now = month(12)
        stripe.pay(Years.plus, "in_2", from: month(12))
        see()
        #expect(context.year == nil && context.paidUntil == month(13))
        #expect(granted.last == "in_2" && allocated == "500.00")
        go(to: month(13))
        #expect(granted.last == "in_2")
    }

    @Test("A month that was begun by a clock ahead becomes the one in which the clock stands")
    mutating func clockAhead() {
        pay()
        go(to: month(5))
        use(100)
        ledger.now = month(1).adding(seconds: 60)
        ledger.apply(ResetClock(userID: user, reason: "the clock was ahead"))
        #expect(context.period.start == month(1) && context.used.decimal == "100.00")
        go(to: month(2))
        #expect(allocated == "500.00" && context.used == .zero)
    }
}
