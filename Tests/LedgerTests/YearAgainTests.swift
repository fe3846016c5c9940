import Foundation
import Ledger
import Testing
import Values

@Suite("The year of a subscription that Stripe did not know for a while")
struct YearAgainTests: YearLife {
    var ledger = TestLedger(Years.rules())
    var stripe = Years()
    let user: UUID

    init() { user = ledger.newUser() }

    /// Stripe does not know the subscription: for the account it ends with the running period.
    private mutating func lose() {
        settle()
        let end = max(ledger.now, context.period.end)
        ledger.apply(
            ApplyBilling(
                userID: user,
                snapshot: BillingSnapshot(
                    customerID: "cus_1", subscriptionID: "sub_1", planID: stripe.plan.id,
                    status: .canceled, cancelAtPeriodEnd: false, canceledAt: nil, endedAt: end,
                    trialEnd: nil, periods: [], changes: [])))
        #expect(context.year == nil && ledger.brokenInvariants() == [])
    }

    @Test("Known again within the month, the month goes on and the others follow")
    mutating func sameMonth() {
        pay()
        go(to: month(3))
        use(100)
        lose()
        ledger.advance(days: 2)
        see()
        #expect(allocated == "500.00" && context.used.decimal == "100.00")
        #expect(context.paidUntil == month(12))
        go(to: month(4))
        see()
        #expect(granted == ["in_1", "in_1 4", "in_1 5"] && allocated == "500.00")
    }

    @Test("Known again in a later month, that month begins in place of the free one")
    mutating func laterMonth() {
        pay()
        go(to: month(3))
        lose()
        go(to: month(4).adding(seconds: 86_400))
        #expect(context.period.source == .free && allocated == "25.00")
        go(to: month(6).adding(seconds: 86_400))
        see()
        #expect(granted == ["in_1", "in_1 4", "in_1 7"])
        #expect(context.period.start == month(6) && allocated == "500.00")
        // A second loss within it costs nothing and brings nothing.
        lose()
        see()
        #expect(granted.count == 3 && allocated == "500.00")
        go(to: month(7))
        #expect(granted.last == "in_1 8")
    }

    @Test("Known again after an upgrade, the month stays as it was granted")
    mutating func upgraded() {
        pay()
        go(to: month(4).adding(seconds: 15 * 86_400))
        stripe.upgrade(at: ledger.now)
        see()
        #expect(allocated == "1250.00")
        lose()
        see()
        #expect(allocated == "1250.00" && owed == "0.00")
        go(to: month(5))
        lose()
        go(to: month(6))
        see()
        #expect(allocated == "2000.00" && owed == "0.00")
    }

    @Test("Money that went back meanwhile is taken of the month that begins, and of each coming")
    mutating func returned() {
        pay()
        go(to: month(1))
        lose()
        go(to: month(2))
        stripe.giveBack(5000)
        see()
        #expect(allocated == "375.00")
        go(to: month(3))
        see()
        #expect(allocated == "375.00")
    }

    @Test("A year that is over, or whose money went back in full, does not begin again")
    mutating func over() {
        pay()
        go(to: month(11))
        lose()
        go(to: month(12))
        ledger.apply(ApplyBilling(userID: user, snapshot: stripe.snapshot))
        #expect(context.year == nil && granted == ["in_1", "in_1 12"])
        var other = YearAgainTests()
        other.pay()
        other.go(to: month(1))
        other.lose()
        other.go(to: month(2))
        other.stripe.giveBack(20_000)
        other.ledger.apply(ApplyBilling(userID: other.user, snapshot: other.stripe.snapshot))
        #expect(other.context.year == nil && other.granted == ["in_1", "in_1 2"])
    }
}
