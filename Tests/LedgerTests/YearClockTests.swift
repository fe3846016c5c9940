import Foundation
import Ledger
import Testing
import Values

@Suite("A year that a clock ahead decided on, and one whose plan the catalog changes")
struct YearClockTests: YearLife {
    var ledger = TestLedger(Years.rules())
    var stripe = Years()
    let user: UUID

    init() { user = ledger.newUser() }

    /// The catalog with other credits a month for `Plus yearly`.
    private func rules(credits: String) -> LedgerRules {
        let like = TestLedger.plan(
            2, "Plus", .paid, price: 2000, credits: credits, minute: 30, day: 1000)
        return LedgerRules(
            catalog: try! Catalog(
                revision: 2,
                plans: [
                    TestLedger.free, Years.plus, Years.plan(like, 3, yearly: 4), Years.pro,
                    Years.proYearly,
                ], features: Array(TestLedger.rules.catalog.features.values)),
            reservationTTL: 900, pastDueGrace: 3 * 86_400)
    }

    @Test(
        "After a reset each month comes once more at most, and one for each reset",
        arguments: [[1], [5], [11], [5, 3], [4, 4]] as [[Int64]])
    mutating func reset(leaps: [Int64]) {
        pay()
        for leap in leaps {
            let right = ledger.now
            ledger.now = month(leap).adding(seconds: 3600)
            _ = ledger.validate(user, "ahead \(leap) \(granted.count)")
            ledger.now = right.adding(seconds: 60)
            ledger.apply(ResetClock(userID: user, reason: "a clock"))
            #expect(context.period.contains(ledger.now) && ledger.brokenInvariants() == [])
        }
        for count in 1...11 as ClosedRange<Int64> {
            go(to: month(count))
            #expect(context.period.start == month(count) && allocated == "500.00")
            see()
        }
        let twice = Dictionary(grouping: granted, by: { $0 }).values.map(\.count)
        #expect(granted.count == 12 + leaps.count)
        #expect(twice.allSatisfy { $0 <= 1 + leaps.count })
    }

    @Test(
        "Of a year's money that goes back the same share is withheld, whatever a month is granted",
        arguments: ["1", "250", "499.99", "500", "1000", "30000"],
        [0, 1, 5000, 6667, 19_999] as [Int64])
    mutating func share(credits: String, returned: Int64) {
        pay()
        stripe.giveBack(returned)
        see()
        ledger.rules = rules(credits: credits)
        go(to: month(1))
        let kept = context.allocated
        see()
        // To the hundredth for each credit of the allocation by which it was withheld.
        let whole = Credits(decimal: credits)!
        let off = abs(kept.micros - context.allocated.micros)
        #expect(off <= 10_000 * max(1, whole.micros / 500_000_000))
        go(to: month(2))
        #expect(context.allocated == kept || off > 0)
        see()
        let exact = whole.micros / 10_000 * (20_000 - returned) / 20_000
        #expect(context.allocated.micros == exact * 10_000)
    }
}
