import Foundation
import Ledger
import Testing

@Suite("No sequence of plan moves buys more than the money that was kept")
struct PlanMoveTests {
    var ledger = TestLedger()
    private var stripe = Purchases()

    private mutating func see(_ user: UUID) {
        for _ in 0..<2 { ledger.apply(ApplyBilling(userID: user, snapshot: stripe.snapshot)) }
        #expect(ledger.brokenInvariants() == [])
    }

    private func allocated(_ user: UUID) -> String { ledger.context(user).allocated.decimal }

    @Test("A lower plan by which money goes back takes the same share back, rounded up")
    mutating func lower() {
        let user = ledger.newUser()
        stripe.plan = TestLedger.pro
        stripe.periods[0].plan = TestLedger.pro
        see(user)
        ledger.advance(days: 7)
        stripe.lower("ii_1", on: 7)
        see(user)
        // 1500 × 23 / 30
        #expect(allocated(user) == "850.00")
        #expect(ledger.accounts[user]!.subscription.planID == TestLedger.plus.id)
    }

    @Test("One by which nothing goes back takes nothing, and up again grants nothing twice")
    mutating func lowerForNothing() {
        let user = ledger.newUser()
        see(user)
        stripe.upgrade("ii_1", on: 0)
        see(user)
        stripe.plan = TestLedger.plus
        see(user)
        #expect(allocated(user) == "2000.00")
        // Stripe gives back what was billed last, and charges the same.
        stripe.changes.append(
            Purchases.Change(
                id: "ii_2", day: 0, from: TestLedger.pro, to: TestLedger.pro,
                payment: Purchases.Payment(paid: 0)))
        stripe.plan = TestLedger.pro
        see(user)
        #expect(allocated(user) == "2000.00")
    }

    @Test("Up, down with money back and up again grants what is paid for each time")
    mutating func upDownUp() {
        let user = ledger.newUser()
        see(user)
        stripe.upgrade("ii_1", on: 0)
        see(user)
        #expect(allocated(user) == "2000.00")
        ledger.advance(days: 10)
        stripe.lower("ii_2", on: 10)
        see(user)
        #expect(allocated(user) == "1000.00")
        ledger.advance(days: 10)
        stripe.upgrade("ii_3", on: 20)
        see(user)
        #expect(allocated(user) == "1500.00")
        stripe.changes[2].payment.returned = 1000
        see(user)
        #expect(allocated(user) == "1000.00")
    }

    @Test("Each month up at once and down by the next invoice buys Plus for the price of Plus")
    mutating func everyMonth() {
        let user = ledger.newUser()
        var total: Int64 = 0
        for month in 0..<12 {
            if month > 0 {
                stripe.periods.append(
                    ("in_\(month + 1)", TestLedger.plus, Purchases.Payment(paid: 2000)))
            }
            see(user)
            stripe.upgrade("ii_up_\(month)", on: Int64(month) * 30)
            see(user)
            ledger.use(user, Int(ledger.context(user).remaining.micros / 1_000_000))
            total += ledger.context(user).used.micros
            stripe.lower("ii_down_\(month)", on: Int64(month) * 30)
            see(user)
            ledger.now = Purchases.day(Int64(month + 1) * 30)
        }
        // Twelve months of Plus, and what the last upgrade lent.
        #expect(total - ledger.context(user).owed.micros <= 12 * 500_000_000)
    }

    @Test("A higher plan that was never paid for is what a lower one gives back first")
    mutating func unpaidUpgrade() {
        let user = ledger.newUser()
        see(user)
        stripe.upgrade("ii_1", on: 10)
        stripe.changes[0].isPaid = false
        see(user)
        #expect(allocated(user) == "500.00")
        stripe.lower("ii_2", on: 20)
        see(user)
        #expect(allocated(user) == "500.00")
    }

    @Test("A change of the catalog does not measure anew what was taken")
    mutating func catalog() throws {
        let user = ledger.newUser()
        see(user)
        stripe.upgrade("ii_1", on: 0)
        see(user)
        stripe.lower("ii_2", on: 15)
        see(user)
        #expect(allocated(user) == "1250.00")
        let rich = TestLedger.plan(
            3, "Pro", .paid, price: 4000, credits: "9000", minute: 60, day: nil)
        ledger.rules = LedgerRules(
            catalog: try Catalog(
                revision: 2, plans: [TestLedger.free, TestLedger.plus, rich],
                features: Array(TestLedger.rules.catalog.features.values)),
            reservationTTL: 900, pastDueGrace: 3 * 86_400)
        see(user)
        #expect(allocated(user) == "1250.00")
    }

    @Test("What starts a period anew gives back the rest of the one before, once")
    mutating func anchorReset() {
        let user = ledger.newUser()
        see(user)
        ledger.use(user, 400)
        ledger.advance(days: 15)
        let (start, old) = (Purchases.day(15), Purchases.day(30))
        let first = stripe.snapshot
        let snapshot = BillingSnapshot(
            customerID: "cus_1", subscriptionID: "sub_1", planID: TestLedger.plus.id,
            status: .active, cancelAtPeriodEnd: false, canceledAt: nil, endedAt: nil,
            trialEnd: nil,
            periods: first.periods + [
                BillingSnapshot.PaidPeriod(
                    invoiceID: "in_2", planID: TestLedger.plus.id, start: start,
                    end: Purchases.day(45))
            ],
            changes: [
                BillingSnapshot.PlanChange(
                    id: "ii_1", at: start, end: old, from: TestLedger.plus.id, to: nil,
                    isPaid: true, givesBack: true)
            ])
        for _ in 0..<2 { ledger.apply(ApplyBilling(userID: user, snapshot: snapshot)) }
        // 250 of the 500 went back, of which 150 had been used.
        #expect(allocated(user) == "350.00" && ledger.context(user).owed == .zero)
        #expect(ledger.brokenInvariants() == [])
    }
}

@Suite("A trial lasts as long as Stripe says")
struct MovedTrialTests {
    var ledger = TestLedger()

    private func snapshot(end day: Int64, status: Subscription.Status = .trialing)
        -> BillingSnapshot
    {
        BillingSnapshot(
            customerID: "cus_1", subscriptionID: "sub_1", planID: TestLedger.plus.id,
            status: status, cancelAtPeriodEnd: false, canceledAt: nil, endedAt: nil,
            trialEnd: Purchases.day(day),
            periods: [
                BillingSnapshot.PaidPeriod(
                    invoiceID: "in_1", planID: TestLedger.plus.id, start: TestLedger.start,
                    end: Purchases.day(day), isFirst: true, isTrial: true)
            ],
            changes: [])
    }

    @Test("A moved trial moves the end of its period and grants nothing more", arguments: [5, 28])
    mutating func moved(day: Int64) {
        let user = ledger.newUser()
        for end in [7, day, day] {
            ledger.apply(ApplyBilling(userID: user, snapshot: snapshot(end: end)))
        }
        #expect(ledger.context(user).period.end == Purchases.day(day))
        #expect(ledger.context(user).allocated.decimal == "500.00")
        ledger.now = Purchases.day(day).adding(seconds: -1)
        guard case .granted = ledger.validate(user, "in the trial") else {
            Issue.record("refused within the trial")
            return
        }
        #expect(ledger.brokenInvariants() == [])
    }
}

@Suite("A price of no plan of ours")
struct UnknownPriceTests {
    var ledger = TestLedger()

    private func snapshot(planID: UUID?, status: Subscription.Status = .active) -> BillingSnapshot {
        let known = BillingSnapshot.plus(TestLedger.plus, status)
        return BillingSnapshot(
            customerID: "cus_1", subscriptionID: "sub_1", planID: planID, status: status,
            cancelAtPeriodEnd: false, canceledAt: nil,
            endedAt: status == .canceled ? Purchases.day(30) : nil, trialEnd: nil,
            periods: known.periods, changes: [])
    }

    @Test("Who is on it keeps the plan that they had, and goes back to Free when it ends")
    mutating func linked() {
        let user = ledger.newUser()
        ledger.apply(
            ApplyBilling(userID: user, snapshot: snapshot(planID: TestLedger.plus.id)))
        ledger.apply(
            ApplyBilling(userID: user, snapshot: snapshot(planID: nil, status: .pastDue)))
        #expect(ledger.accounts[user]!.subscription.planID == TestLedger.plus.id)
        #expect(ledger.accounts[user]!.subscription.status == .pastDue)
        ledger.advance(days: 30)
        ledger.apply(
            ApplyBilling(userID: user, snapshot: snapshot(planID: nil, status: .canceled)))
        #expect(ledger.accounts[user]!.subscription.planID == TestLedger.free.id)
    }

    @Test("It makes nobody's account its own")
    mutating func unlinked() {
        let user = ledger.newUser()
        let before = ledger.accounts[user]
        #expect(
            ledger.apply(ApplyBilling(userID: user, snapshot: snapshot(planID: nil))) == .notTheirs)
        #expect(ledger.accounts[user] == before)
    }
}
