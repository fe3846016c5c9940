import FoundationEssentials
import Ledger
import Values

/// What Stripe keeps of a subscription and of the money that was paid for it.
extension StripeWorld {
    struct Subscription {
        let id: String
        let person: Int
        let userID: UUID
        let customerID: String
        var plan: UUID
        var status: Ledger.Subscription.Status
        var periodStart: Int64
        var periodEnd: Int64
        var trialEnd: Int64?
        var cancelAtPeriodEnd = false
        var canceledAt: Int64?
        var endedAt: Int64?
        var paid: [Invoice] = []
        /// When the period's invoice is charged next; `nil` where nothing is open.
        var nextAttempt: Int64?
        var attempts = 0
        var cardIsGood: Bool
        /// What its plan costs, in cents.
        var price: Int64
        /// The plan that was billed last, whose rest a change gives back, and its price.
        var billed: (plan: UUID, price: Int64)
        /// What the period's invoice is over: what was subscribed to when the period began.
        var draft: (plan: UUID, price: Int64)
        var changes: [Change] = []
        /// The plan that follows at the period's end, and its price: a schedule is attached.
        var scheduled: (plan: UUID, price: Int64)?

        var isOver: Bool { status == .canceled || status == .incompleteExpired }
    }

    struct Invoice {
        let id: String
        let plan: UUID
        let start: Int64
        var end: Int64
        let isTrial: Bool
        var charge: Charge

        var isRefunded: Bool { charge.paid > 0 && charge.returned == charge.paid }
    }

    /// A payment, in cents.
    struct Charge {
        let paid: Int64
        var returned: Int64 = 0 { didSet { isTold = true } }
        /// Whether an event told that some of it went back, whatever became of that.
        private(set) var isTold = false
        /// Whether that was after the subscription and what was paid for were over: it takes
        /// nothing then, but of what was left over.
        var isLate = false

        init(paid: Int64) {
            self.paid = paid
        }
    }

    /// A change of plan that is billed.
    struct Change {
        let id: String
        let at: Int64
        let end: Int64
        let from: UUID
        let to: UUID
        var isPaid: Bool
        let cents: Int64
        var charge: Charge
    }

    /// The current object as the mirror reads it.
    func snapshot(_ index: Int) -> BillingSnapshot {
        let subscription = subscriptions[index]
        let latest = subscription.paid.suffix(3)
        let first = latest.first?.start ?? .max
        let periods =
            subscription.paid.dropLast(latest.count).filter { $0.charge.isTold } + latest
        return BillingSnapshot(
            customerID: subscription.customerID, subscriptionID: subscription.id,
            planID: subscription.plan, status: subscription.status,
            cancelAtPeriodEnd: subscription.cancelAtPeriodEnd,
            canceledAt: subscription.canceledAt.map { Timestamp.epoch.adding(seconds: $0) },
            endedAt: subscription.endedAt.map { Timestamp.epoch.adding(seconds: $0) },
            trialEnd: subscription.trialEnd.map { Timestamp.epoch.adding(seconds: $0) },
            scheduled: subscription.scheduled.map {
                ScheduledPlan(
                    planID: $0.plan,
                    startsAt: Timestamp.epoch.adding(seconds: subscription.periodEnd))
            },
            periods: periods.map {
                BillingSnapshot.PaidPeriod(
                    invoiceID: $0.id, planID: $0.plan,
                    start: Timestamp.epoch.adding(seconds: $0.start),
                    end: Timestamp.epoch.adding(seconds: $0.end), isTrial: $0.isTrial,
                    money: $0.charge.money)
            },
            changes: subscription.changes.filter { $0.at >= first }.map {
                BillingSnapshot.PlanChange(
                    id: $0.id, at: Timestamp.epoch.adding(seconds: $0.at),
                    end: Timestamp.epoch.adding(seconds: $0.end),
                    from: $0.from, to: $0.to, isPaid: $0.isPaid, givesBack: $0.cents < 0,
                    money: $0.charge.money)
            })
    }
}

extension StripeWorld.Charge {
    fileprivate var money: BillingSnapshot.Money {
        BillingSnapshot.Money(paid: paid, returned: returned)
    }

    /// The part of `amount` whose money was kept, down to the micro-credit.
    private func kept(_ amount: Int64) -> Int64 {
        guard paid != 0, !isLate else { return amount }
        return Int64(Int128(amount) * Int128(paid - returned) / Int128(paid))
    }

    /// The credits that the kept money of a subscription bought, counted from what was paid alone:
    /// the conservation law. What a lower plan gave back counts against it; a trial is a gift.
    static func bought(_ subscription: StripeWorld.Subscription, _ catalog: Catalog) -> Int64 {
        func allocation(_ plan: UUID) -> Int64 {
            catalog.plan(plan)?.pricing.creditsAllocation.micros ?? 0
        }
        var bought: Int64 = 0
        for (place, invoice) in subscription.paid.enumerated() {
            let age = subscription.paid.count - place
            // What goes back of an earlier period takes nothing of it, by the rule, nor of an
            // upgrade that is older than the period before.
            let whole = allocation(invoice.plan)
            var ofPeriod = age == 1 ? invoice.charge.kept(whole) : whole
            for change in subscription.changes where change.end == invoice.end {
                let whole = Int128(allocation(change.to) - allocation(change.from))
                let share = Int64(
                    whole * Int128(change.end - change.at) / Int128(invoice.end - invoice.start))
                let isLoss = change.cents < 0 && !invoice.isRefunded
                let kept = age <= 2 ? change.charge.kept(share) : share
                ofPeriod += share < 0 ? (isLoss ? share : 0) : kept
            }
            // Whose money went back is left with what everybody has.
            if invoice.isRefunded { ofPeriod += catalog.freePlan.pricing.creditsAllocation.micros }
            // A period that was never granted can lose nothing.
            bought += max(0, ofPeriod)
        }
        return bought
    }
}
