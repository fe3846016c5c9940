import Foundation
import Ledger
import Testing
import Values

/// A subscription at Stripe that is paid by the year, or is about to be.
struct Years {
    struct Period {
        var invoice = "in_1"
        var plan: Plan
        var start: Timestamp
        var end: Timestamp
        var money = BillingSnapshot.Money(paid: 20_000, returned: 0)
        var isFirst = false
        var isTrial = false
    }

    static let plus = plan(TestLedger.plus, 2)
    static let plusYearly = plan(TestLedger.plus, 3, yearly: 4)
    static let pro = plan(TestLedger.pro, 4)
    static let proYearly = plan(TestLedger.pro, 5, yearly: 5)

    var plan = Self.plusYearly
    var status = Subscription.Status.active
    var endedAt: Timestamp?
    var trialEnd: Timestamp?
    var periods: [Period] = []
    var changes: [BillingSnapshot.PlanChange] = []

    /// A plan in the order of the shipped catalog, or its like that is paid by the year.
    static func plan(
        _ like: Plan, _ rank: Int64, yearly id: UInt8? = nil, rollover: Rollover? = nil
    ) -> Plan {
        let interval: Plan.Interval = id == nil ? .month : .year
        return Plan(
            id: id.map { UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, $0)) }
                ?? like.id,
            name: id == nil ? like.name : like.name + " yearly", description: "",
            price: Money(amount: like.price.amount * (id == nil ? 1 : 10), currency: .usd)!,
            displayPrice: "", kind: .paid, interval: interval, trialDays: 7, isActive: true,
            rank: rank, features: [],
            lookupKey: (like.lookupKey ?? "") + (id == nil ? "" : "_yearly"),
            pricing: PlanPricingRule(
                multiplier: like.pricing.multiplier,
                creditsAllocation: like.pricing.creditsAllocation, rateLimitPerMinute: nil,
                rateLimitPerDay: nil, rollover: rollover))
    }

    static func rules(rollover: Rollover? = nil) -> LedgerRules {
        LedgerRules(
            catalog: try! Catalog(
                revision: 1,
                plans: [
                    TestLedger.free, plus,
                    plan(TestLedger.plus, 3, yearly: 4, rollover: rollover), pro, proYearly,
                ], features: Array(TestLedger.rules.catalog.features.values)),
            reservationTTL: 900, pastDueGrace: 3 * 86_400)
    }

    /// A year that is paid for from an instant on.
    mutating func pay(_ plan: Plan = plusYearly, _ invoice: String = "in_1", from start: Timestamp)
    {
        self.plan = plan
        periods.append(
            Period(
                invoice: invoice, plan: plan, start: start,
                end: start.adding(months: plan.interval.months), isFirst: periods.isEmpty))
    }

    /// A higher plan of the same interval.
    mutating func upgrade(_ id: String = "ii_1", at: Timestamp, isPaid: Bool = true) {
        plan = Self.proYearly
        changes.append(
            BillingSnapshot.PlanChange(
                id: id, at: at, end: periods.last!.end, from: Self.plusYearly.id,
                to: Self.proYearly.id, isPaid: isPaid, givesBack: false,
                money: isPaid ? BillingSnapshot.Money(paid: 1000, returned: 0) : .none))
    }

    /// So much of the upgrade's 1 000 goes back.
    mutating func giveBackUpgrade(_ returned: Int64) {
        let change = changes[0]
        changes[0] = BillingSnapshot.PlanChange(
            id: change.id, at: change.at, end: change.end, from: change.from, to: change.to,
            isPaid: true, givesBack: false,
            money: BillingSnapshot.Money(paid: 1000, returned: returned))
    }

    /// The lower plan again, by which money goes back.
    mutating func lower(_ id: String = "ii_2", at: Timestamp) {
        plan = Self.plusYearly
        changes.append(
            BillingSnapshot.PlanChange(
                id: id, at: at, end: periods.last!.end, from: Self.proYearly.id,
                to: Self.plusYearly.id, isPaid: true, givesBack: true))
    }

    /// So much of the 20 000 of the first period goes back.
    mutating func giveBack(_ returned: Int64) {
        periods[0].money = BillingSnapshot.Money(paid: 20_000, returned: returned)
    }

    /// A year takes the place of the month that runs, whose rest goes back.
    mutating func takeYear(_ plan: Plan, _ invoice: String, at: Timestamp) {
        let month = periods.last!
        changes.append(
            BillingSnapshot.PlanChange(
                id: "ii_rest", at: at, end: month.end, from: month.plan.id, to: nil, isPaid: true,
                givesBack: true))
        pay(plan, invoice, from: at)
    }

    var snapshot: BillingSnapshot {
        BillingSnapshot(
            customerID: "cus_1", subscriptionID: "sub_1", planID: plan.id, status: status,
            cancelAtPeriodEnd: false, canceledAt: endedAt, endedAt: endedAt, trialEnd: trialEnd,
            periods: periods.map {
                BillingSnapshot.PaidPeriod(
                    invoiceID: $0.invoice, planID: $0.plan.id, start: $0.start, end: $0.end,
                    isFirst: $0.isFirst, isTrial: $0.isTrial, money: $0.money)
            }, changes: changes)
    }
}

extension TestLedger {
    init(_ rules: LedgerRules) {
        self.init()
        self.rules = rules
    }
}

/// A user and their subscription at Stripe.
protocol YearLife {
    var ledger: TestLedger { get set }
    var stripe: Years { get set }
    var user: UUID { get }
}

extension YearLife {
    /// Applies Stripe's state twice: the second time must change nothing.
    mutating func see() {
        ledger.apply(ApplyBilling(userID: user, snapshot: stripe.snapshot))
        let (account, lines) = (ledger.accounts[user], ledger.grants)
        ledger.apply(ApplyBilling(userID: user, snapshot: stripe.snapshot))
        #expect(ledger.accounts[user] == account && ledger.grants == lines)
        let missing = ledger.apply(CompareBilling(userID: user, snapshot: stripe.snapshot))
        #expect(missing.isEmpty)
        #expect(ledger.brokenInvariants() == [])
    }

    mutating func pay(_ plan: Plan = Years.plusYearly) {
        stripe.pay(plan, from: ledger.now)
        see()
    }

    mutating func use(_ credits: Int) {
        if credits > 0 { _ = ledger.commit(user, ledger.hold(user, "\(credits)")) }
    }

    mutating func expect(entitled: Bool) {
        let isEntitled = ledger.apply(AskEntitlement(userID: user))
        #expect(isEntitled == entitled)
    }

    mutating func settle() { ledger.apply(SettleAccount(userID: user)) }

    /// Goes on to an instant and looks at the account.
    mutating func go(to instant: Timestamp) {
        ledger.now = instant
        settle()
        #expect(ledger.brokenInvariants() == [])
    }

    func month(_ count: Int64) -> Timestamp { TestLedger.start.adding(months: count) }
    var context: CareerSubscriptionContext { ledger.context(user) }
    var allocated: String { context.allocated.decimal }
    var owed: String { context.owed.decimal }

    /// The plan lines of paid periods: when they were made, and their cause.
    var granted: [String] {
        ledger.grants.filter { $0.kind == .plan && $0.cause != "free_month" }.map(\.cause)
    }
}
