import Foundation
import Ledger
import Testing
import Values

@Suite("What a period leaves over")
struct RolloverTests {
    /// Free keeps up to 10 credits for one month, Plus up to 300 for two.
    private static func ledger(free: Rollover?, plus: Rollover? = nil) -> TestLedger {
        func with(_ rollover: Rollover?, _ plan: Plan) -> Plan {
            Plan(
                id: plan.id, name: plan.name, description: "", price: plan.price,
                displayPrice: "", kind: plan.kind, trialDays: 7, isActive: true, rank: plan.rank,
                features: [], lookupKey: plan.lookupKey,
                pricing: PlanPricingRule(
                    multiplier: plan.pricing.multiplier,
                    creditsAllocation: plan.pricing.creditsAllocation, rateLimitPerMinute: nil,
                    rateLimitPerDay: nil, rollover: rollover))
        }
        var ledger = TestLedger()
        ledger.rules = LedgerRules(
            catalog: try! Catalog(
                revision: 1,
                plans: [
                    with(free, TestLedger.free), with(plus, TestLedger.plus), TestLedger.pro,
                ], features: Array(TestLedger.rules.catalog.features.values)),
            reservationTTL: 900, pastDueGrace: 3 * 86_400)
        return ledger
    }

    private static func rollover(_ credits: String, _ periods: Int64 = 1) -> Rollover {
        Rollover(maxCredits: Credits(decimal: credits)!, periods: periods)
    }

    private func forfeited(_ ledger: TestLedger) -> [String] {
        ledger.grants.filter { $0.kind == .forfeiture }.map {
            "\($0.periodNumber) \($0.credits.decimal)"
        }
    }

    @Test("What a free month leaves over, up to the cap, is a grant that ends a period later, once")
    func freeMonth() {
        var ledger = Self.ledger(free: Self.rollover("10"))
        let user = ledger.newUser()
        _ = ledger.commit(user, ledger.hold(user, "17"))
        ledger.advance(days: 28)
        for _ in 0..<3 { ledger.apply(SettleAccount(userID: user)) }
        #expect(ledger.parts(user, "rollover 1") == ["8.00", "0.00", "0.00", "0.00", "0.00"])
        #expect(ledger.grant(user, "rollover 1").expiresAt == ledger.context(user).period.end)
        #expect(!ledger.grant(user, "rollover 1").isPaid && forfeited(ledger) == ["1 -8.00"])
        #expect(ledger.available(user) == "33.00")
        // It is used before the month's own, which rolls over again; what is left of it does not.
        _ = ledger.commit(user, ledger.hold(user, "3", "b"))
        #expect(ledger.context(user).used == .zero)
        ledger.advance(days: 31)
        ledger.apply(SettleAccount(userID: user))
        #expect(ledger.parts(user, "rollover 1") == ["0.00", "0.00", "3.00", "5.00", "0.00"])
        #expect(ledger.parts(user, "rollover 2")[0] == "10.00")
        #expect(ledger.available(user) == "35.00" && ledger.brokenInvariants() == [])
    }

    @Test("Months in which nothing was decided count as one")
    func skippedMonths() {
        var ledger = Self.ledger(free: Self.rollover("10", 2))
        let user = ledger.newUser()
        ledger.advance(days: 200)
        ledger.apply(SettleAccount(userID: user))
        #expect(forfeited(ledger) == ["1 -10.00"] && ledger.available(user) == "35.00")
        let context = ledger.context(user)
        let second = BillingPeriod.month(
            containing: context.period.end, anchor: context.anchor, number: 1)
        #expect(ledger.grant(user, "rollover 1").expiresAt == second.end)
    }

    @Test("A plan without the option, and a month with nothing left, roll nothing over")
    func nothing() {
        for (rule, used) in [(nil, "1"), (Self.rollover("10"), "25")] {
            var ledger = Self.ledger(free: rule)
            let user = ledger.newUser()
            _ = ledger.commit(user, ledger.hold(user, used))
            ledger.advance(days: 28)
            ledger.apply(SettleAccount(userID: user))
            #expect(ledger.accounts[user]!.grants == [] && forfeited(ledger) == [])
            #expect(ledger.context(user).openGrants == 0 && ledger.available(user) == "25.00")
        }
    }

    @Test("A renewal rolls over by the ended period's plan; a first payment and an end do not")
    func renewal() {
        var ledger = Self.ledger(free: Self.rollover("10"), plus: Self.rollover("300", 2))
        let user = ledger.newUser()
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot()))
        #expect(forfeited(ledger) == [])
        ledger.advance(days: 30)
        let renewed = snapshot(invoice: "in_2", from: 30)
        for _ in 0..<2 { ledger.apply(ApplyBilling(userID: user, snapshot: renewed)) }
        #expect(forfeited(ledger) == ["2 -300.00"] && ledger.available(user) == "800.00")
        let grant = ledger.grant(user, "rollover 2")
        #expect(grant.isPaid && grant.expiresAt == renewed.paid!.start.adding(months: 2))
        ledger.advance(days: 30)
        ledger.apply(
            ApplyBilling(
                userID: user,
                snapshot: snapshot(
                    TestLedger.plus, .canceled, invoice: "in_2", from: 30, endedAfter: 60)))
        // The month of Free that follows has nothing of what Plus left.
        #expect(ledger.context(user).period.source == .free && forfeited(ledger).count == 1)
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("A trial rolls nothing over")
    func trial() {
        var ledger = Self.ledger(free: nil, plus: Self.rollover("300"))
        let user = ledger.newUser()
        func snapshot(_ periods: [BillingSnapshot.PaidPeriod]) -> BillingSnapshot {
            BillingSnapshot(
                customerID: "cus_1", subscriptionID: "sub_1", planID: TestLedger.plus.id,
                status: periods.count == 1 ? .trialing : .active, cancelAtPeriodEnd: false,
                canceledAt: nil, endedAt: nil, trialEnd: Purchases.day(7), periods: periods,
                changes: [])
        }
        let trial = BillingSnapshot.PaidPeriod(
            invoiceID: "in_0", planID: TestLedger.plus.id, start: Purchases.day(0),
            end: Purchases.day(7), isFirst: true, isTrial: true)
        let paid = BillingSnapshot.PaidPeriod(
            invoiceID: "in_1", planID: TestLedger.plus.id, start: Purchases.day(7),
            end: Purchases.day(37), money: BillingSnapshot.Money(paid: 2000, returned: 0))
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot([trial])))
        ledger.advance(days: 7)
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot([trial, paid])))
        #expect(ledger.context(user).period.number == 3 && forfeited(ledger) == [])
    }

    @Test("A period that a discount brings to nothing counts as bought; a trial's does not")
    func discounted() {
        var ledger = Self.ledger(free: nil, plus: Self.rollover("300"))
        let user = ledger.newUser()
        let spans: [(Int64, Int64)] = [(0, 7), (7, 37), (37, 67)]
        let paid = spans.enumerated().map { index, days in
            BillingSnapshot.PaidPeriod(
                invoiceID: "in_\(index)", planID: TestLedger.plus.id,
                start: Purchases.day(days.0), end: Purchases.day(days.1), isFirst: index == 0,
                isTrial: index == 0, money: BillingSnapshot.Money(paid: 0, returned: 0))
        }
        for (index, days) in spans.enumerated() {
            ledger.now = Purchases.day(days.0)
            let heard = BillingSnapshot(
                customerID: "cus_1", subscriptionID: "sub_1", planID: TestLedger.plus.id,
                status: index == 0 ? .trialing : .active, cancelAtPeriodEnd: false, canceledAt: nil,
                endedAt: nil, trialEnd: Purchases.day(7), periods: Array(paid[...index]),
                changes: [])
            ledger.apply(ApplyBilling(userID: user, snapshot: heard))
            let pool = ledger.accounts[user]!.pool(at: ledger.now, grace: ledger.rules.pastDueGrace)
            #expect(pool.isPaid == (index > 0))
        }
        #expect(ledger.grant(user, "rollover 3").isPaid && forfeited(ledger) == ["3 -300.00"])
    }

    @Test("What a former pool gets back joins its rollover while that is open and the cap allows")
    func joined() {
        var ledger = Self.ledger(free: Self.rollover("10"))
        let user = ledger.newUser()
        ledger.advance(days: 28, seconds: -60)
        let (failing, charged) = (ledger.hold(user, "15", "a"), ledger.hold(user, "4", "b"))
        let lapsing = ledger.hold(user, "3", "c")
        ledger.advance(seconds: 60)
        ledger.apply(SettleAccount(userID: user))
        #expect(ledger.parts(user, "rollover 1")[0] == "3.00")
        _ = ledger.commit(user, charged)
        ledger.advance(seconds: 900)
        // What has lapsed joins with the next decision, before it is decided.
        #expect(ledger.logs[lapsing]!.status == .pending)
        ledger.apply(SettleAccount(userID: user))
        #expect(ledger.logs[lapsing]!.status == .expired)
        #expect(ledger.grant(user, "rollover 1").amount.decimal == "10.00")
        #expect(ledger.logs[failing]!.status == .expired && ledger.available(user) == "35.00")
        let lines = ledger.grants.filter { $0.kind == .forfeiture }
        #expect(lines.reduce(.zero) { $0 + $1.credits } == -Credits(decimal: "10")!)
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("What comes back once the rollover is used up, or never was, is forfeited")
    func tooLate() {
        for uses in [true, false] {
            var ledger = Self.ledger(free: uses ? Self.rollover("10") : nil)
            let user = ledger.newUser()
            ledger.advance(days: 28, seconds: -60)
            let usage = ledger.hold(user, "24", "a")
            ledger.advance(seconds: 60)
            ledger.apply(SettleAccount(userID: user))
            if uses { _ = ledger.commit(user, ledger.hold(user, "1", "b")) }
            _ = ledger.commit(user, usage, success: false)
            #expect(ledger.available(user) == "25.00" && ledger.brokenInvariants() == [])
            #expect(forfeited(ledger) == (uses ? ["1 -1.00"] : []))
        }
    }

    @Test("An invoice whose money goes back takes its share of what its period left over")
    func returned() {
        var ledger = Self.ledger(free: nil, plus: Self.rollover("300"))
        let user = ledger.newUser()
        var purchases = Purchases()
        ledger.apply(ApplyBilling(userID: user, snapshot: purchases.snapshot))
        ledger.advance(days: 30)
        purchases.periods.append(
            (invoice: "in_2", plan: TestLedger.plus, payment: Purchases.Payment(paid: 2000)))
        ledger.apply(ApplyBilling(userID: user, snapshot: purchases.snapshot))
        #expect(ledger.available(user) == "800.00")
        for (returned, left) in [(500, "225.00"), (2000, "0.00")] as [(Int64, String)] {
            purchases.periods[0].payment.returned = returned
            for _ in 0..<2 {
                ledger.apply(ApplyBilling(userID: user, snapshot: purchases.snapshot))
            }
            #expect(ledger.parts(user, "rollover 2")[0] == left)
        }
        #expect(ledger.available(user) == "500.00" && ledger.brokenInvariants() == [])
    }

    /// Plus has been paid for since the first day, of which so much went back before the renewal.
    private static func renewed(
        returned: Int64, length: Int64 = 30, from start: Int64 = 30
    ) -> (TestLedger, UUID, (Int64) -> BillingSnapshot) {
        var ledger = ledger(free: nil, plus: rollover("300", 2))
        let user = ledger.newUser()
        func periods(_ returned: Int64) -> [BillingSnapshot.PaidPeriod] {
            [
                BillingSnapshot.PaidPeriod(
                    invoiceID: "in_1", planID: TestLedger.plus.id, start: Purchases.day(0),
                    end: Purchases.day(30), isFirst: true,
                    money: BillingSnapshot.Money(paid: 2000, returned: returned)),
                BillingSnapshot.PaidPeriod(
                    invoiceID: "in_2", planID: TestLedger.plus.id, start: Purchases.day(start),
                    end: Purchases.day(start + length),
                    money: BillingSnapshot.Money(paid: 2000, returned: 0)),
            ]
        }
        func snapshot(_ periods: [BillingSnapshot.PaidPeriod]) -> BillingSnapshot {
            BillingSnapshot(
                customerID: "cus_1", subscriptionID: "sub_1", planID: TestLedger.plus.id,
                status: .active, cancelAtPeriodEnd: false, canceledAt: nil, endedAt: nil,
                trialEnd: nil, periods: periods, changes: [])
        }
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot([periods(returned)[0]])))
        ledger.advance(days: start)
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot(periods(returned))))
        return (ledger, user, { snapshot(periods($0)) })
    }

    @Test("What went back before the turn was taken out of the pool, and is not taken again")
    func returnedBefore() {
        var (ledger, user, snapshot) = Self.renewed(returned: 1000)
        // Half of 500 went back; of the other half all is left over.
        for (returned, left) in [
            (1000, "250.00"), (1500, "125.00"), (1000, "250.00"), (2000, "0.00"),
        ] as [(Int64, String)] {
            for _ in 0..<2 {
                ledger.apply(ApplyBilling(userID: user, snapshot: snapshot(returned)))
            }
            #expect(ledger.parts(user, "rollover 2")[0] == left)
        }
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("A paid period that starts inside the running one rolls nothing over")
    func inside() {
        let (ledger, user, _) = Self.renewed(returned: 0, from: 20)
        #expect(ledger.context(user).period.number == 3 && forfeited(ledger) == [])
        #expect(ledger.available(user) == "500.00" && ledger.brokenInvariants() == [])
    }

    @Test("A rollover of two periods lasts two years if a period is a year")
    func years() {
        let (ledger, user, _) = Self.renewed(returned: 0, length: 365)
        #expect(
            ledger.grant(user, "rollover 2").expiresAt == Purchases.day(30).adding(months: 24))
    }

    @Test("Nothing joins a rollover of which something went back")
    func joinedReturned() {
        var ledger = Self.ledger(free: nil, plus: Self.rollover("300"))
        let user = ledger.newUser()
        var purchases = Purchases()
        ledger.apply(ApplyBilling(userID: user, snapshot: purchases.snapshot))
        ledger.advance(days: 30, seconds: -60)
        let (usage, kept) = (ledger.hold(user, "230", "a"), ledger.hold(user, "30", "b"))
        ledger.advance(seconds: 60)
        purchases.periods.append(
            (invoice: "in_2", plan: TestLedger.plus, payment: Purchases.Payment(paid: 2000)))
        ledger.apply(ApplyBilling(userID: user, snapshot: purchases.snapshot))
        #expect(ledger.parts(user, "rollover 2")[0] == "240.00")
        _ = ledger.commit(user, kept, success: false)
        #expect(ledger.parts(user, "rollover 2")[0] == "270.00")
        purchases.periods[0].payment.returned = 1000
        ledger.apply(ApplyBilling(userID: user, snapshot: purchases.snapshot))
        _ = ledger.commit(user, usage, success: false)
        #expect(ledger.parts(user, "rollover 2")[0] == "135.00")
        #expect(ledger.grant(user, "rollover 2").amount.decimal == "270.00")
        #expect(ledger.brokenInvariants() == [])
    }
}
