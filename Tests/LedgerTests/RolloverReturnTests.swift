import Foundation
import Ledger
import Testing
import Values

@Suite("What periods have left over goes back with the money of their invoices")
struct RolloverReturnTests {
    private var ledger = TestLedger()
    private var purchases = Purchases()
    private let user: UUID

    /// Plus keeps up to 300 credits of a period for three periods. Three have begun.
    init() throws {
        let rollover = Rollover(maxCredits: try #require(Credits(decimal: "300")), periods: 3)
        let plus = TestLedger.plus
        let rolling = Plan(
            id: plus.id, name: plus.name, description: "", price: plus.price, displayPrice: "",
            kind: plus.kind, trialDays: 7, isActive: true, rank: plus.rank, features: [],
            lookupKey: plus.lookupKey,
            pricing: PlanPricingRule(
                multiplier: plus.pricing.multiplier,
                creditsAllocation: plus.pricing.creditsAllocation, rateLimitPerMinute: nil,
                rateLimitPerDay: nil, rollover: rollover))
        ledger.rules = LedgerRules(
            catalog: try Catalog(
                revision: 1, plans: [TestLedger.free, rolling, TestLedger.pro],
                features: Array(TestLedger.rules.catalog.features.values)),
            reservationTTL: 900, pastDueGrace: 3 * 86_400)
        user = ledger.newUser()
        apply()
        renew("in_2")
        renew("in_3")
    }

    private mutating func apply(_ other: BillingSnapshot? = nil) {
        for _ in 0..<2 {
            ledger.apply(ApplyBilling(userID: user, snapshot: other ?? purchases.snapshot))
        }
    }

    private mutating func renew(_ invoice: String) {
        ledger.advance(days: 30)
        purchases.periods.append(
            (invoice: invoice, plan: TestLedger.plus, payment: Purchases.Payment(paid: 2000)))
        apply()
    }

    /// What is left of what the first and the second period of Plus left over.
    private var left: [String] {
        ["rollover 2", "rollover 3"].map { ledger.parts(user, $0)[0] }
    }

    @Test("So they do until what is left over ends, however many periods later")
    mutating func later() {
        #expect(left == ["300.00", "300.00"])
        for (returned, isLeft) in [
            (500, "225.00"), (2000, "0.00"), (0, "300.00"), (1000, "150.00"),
        ] as [(Int64, String)] {
            purchases.periods[0].payment.returned = returned
            apply()
            #expect(left == [isLeft, "300.00"] && ledger.brokenInvariants() == [])
        }
        renew("in_4")
        purchases.periods[0].payment.returned = 1500
        purchases.periods[1].payment.returned = 2000
        apply()
        #expect(left == ["75.00", "0.00"])
        ledger.advance(days: 33)
        purchases.periods[0].payment.returned = 2000
        apply()
        // It has ended, and nothing of it is taken any more.
        #expect(ledger.grant(user, "rollover 2").takeBackTotal.decimal == "225.00")
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("What is held of it is taken as it goes back, and a failed refund gives again")
    mutating func used() {
        // The pool of the running period ends first, and is used first.
        let (charged, held) = (ledger.hold(user, "700", "a"), ledger.hold(user, "100", "b"))
        _ = ledger.commit(user, charged)
        #expect(left == ["0.00", "300.00"])
        purchases.periods[0].payment.returned = 2000
        apply()
        _ = ledger.commit(user, held, success: false)
        #expect(ledger.parts(user, "rollover 2") == ["0.00", "0.00", "200.00", "0.00", "100.00"])
        purchases.periods[0].payment.returned = 0
        apply()
        #expect(ledger.parts(user, "rollover 2") == ["100.00", "0.00", "200.00", "0.00", "0.00"])
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("So they do once the plan has ended, and under another subscription")
    mutating func ended() {
        purchases.status = .canceled
        purchases.endedOn = 80
        ledger.advance(days: 20)
        apply()
        #expect(ledger.accounts[user]?.subscription.stripeSubscriptionID == nil)
        purchases.periods[0].payment.returned = 1000
        apply()
        #expect(left == ["150.00", "300.00"])
        ledger.advance(days: 5)
        let now = ledger.now
        apply(
            BillingSnapshot(
                customerID: "cus_1", subscriptionID: "sub_2", planID: TestLedger.pro.id,
                status: .active, cancelAtPeriodEnd: false, canceledAt: nil, endedAt: nil,
                trialEnd: nil,
                periods: [
                    BillingSnapshot.PaidPeriod(
                        invoiceID: "in_9", planID: TestLedger.pro.id, start: now,
                        end: now.adding(seconds: 30 * 86_400), isFirst: true,
                        money: BillingSnapshot.Money(paid: 4000, returned: 0))
                ], changes: []))
        purchases.periods[1].payment.returned = 2000
        apply()
        #expect(left == ["150.00", "0.00"])
        #expect(ledger.accounts[user]?.subscription.stripeSubscriptionID == "sub_2")
        #expect(ledger.brokenInvariants() == [])
    }
}
