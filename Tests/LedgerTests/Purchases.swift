import Foundation
import Ledger
import Values

/// A subscription at Stripe whose money moves, in days from the ledger's start.
struct Purchases {
    struct Payment {
        var paid: Int64
        var returned: Int64 = 0
        var money: BillingSnapshot.Money { BillingSnapshot.Money(paid: paid, returned: returned) }
    }

    struct Change {
        var id: String
        var day: Int64
        var from: Plan
        var to: Plan
        var isPaid = true
        var givesBack = false
        var payment = Payment(paid: 1000)
    }

    var plan = TestLedger.plus
    var status = Subscription.Status.active
    var endedOn: Int64?
    /// Of 30 days each.
    var periods = [(invoice: "in_1", plan: TestLedger.plus, payment: Payment(paid: 2000))]
    var changes: [Change] = []

    static func day(_ day: Int64) -> Timestamp { TestLedger.start.adding(seconds: day * 86_400) }

    var snapshot: BillingSnapshot {
        BillingSnapshot(
            customerID: "cus_1", subscriptionID: "sub_1", planID: plan.id, status: status,
            cancelAtPeriodEnd: false, canceledAt: nil, endedAt: endedOn.map(Self.day),
            trialEnd: nil,
            periods: periods.enumerated().map { index, period in
                BillingSnapshot.PaidPeriod(
                    invoiceID: period.invoice, planID: period.plan.id,
                    start: Self.day(Int64(index) * 30), end: Self.day(Int64(index) * 30 + 30),
                    isFirst: index == 0, money: period.payment.money)
            },
            changes: changes.map {
                BillingSnapshot.PlanChange(
                    id: $0.id, at: Self.day($0.day), end: Self.day(($0.day / 30 + 1) * 30),
                    from: $0.from.id, to: $0.to.id, isPaid: $0.isPaid, givesBack: $0.givesBack,
                    money: $0.payment.money)
            })
    }

    mutating func upgrade(_ id: String, on day: Int64) {
        plan = TestLedger.pro
        changes.append(Change(id: id, day: day, from: TestLedger.plus, to: TestLedger.pro))
    }

    mutating func lower(_ id: String, on day: Int64, givesBack: Bool = true) {
        plan = TestLedger.plus
        changes.append(
            Change(
                id: id, day: day, from: TestLedger.pro, to: TestLedger.plus, isPaid: givesBack,
                givesBack: givesBack, payment: Payment(paid: 0)))
    }
}

extension TestLedger {
    /// Uses up so many whole credits, however many calls a minute that takes.
    mutating func use(_ user: UUID, _ credits: Int) {
        let before = rules
        let plans = rules.catalog.plans.map {
            Self.plan(
                UInt8($0.rank), $0.name, $0.kind, price: $0.price.amount,
                credits: $0.pricing.creditsAllocation.decimal, minute: nil, day: nil)
        }
        let features = [50, 1].map {
            FeatureCostConfig(
                featureKey: "\($0)", productType: "career",
                internalCost: Credits(decimal: "\($0)")!)
        }
        rules = LedgerRules(
            catalog: try! Catalog(revision: 1, plans: plans, features: features),
            reservationTTL: 900, pastDueGrace: 3 * 86_400)
        for (size, count) in [(50, credits / 50), (1, credits % 50)] {
            for _ in 0..<count {
                _ = commit(user, reserve(user, UUID().uuidString, feature: "\(size)"))
            }
        }
        rules = before
    }
}
