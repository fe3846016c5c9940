import FoundationEssentials
import Ledger
import Values

/// Stripe as far as the ledger hears of it: subscriptions that renew by the clock, cards that do
/// not pay, and for each change a notification. Times are whole seconds, as Stripe's are.
struct StripeWorld {
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
        var returned: Int64 = 0
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

    private(set) var subscriptions: [Subscription] = []
    /// Subscriptions that something was told of and nobody has handled yet.
    var notifications: [Int] = []
    private var invoices = 0
    let dunningCancels: Bool

    static let trialSeconds: Int64 = 7 * 86_400
    static let periodSeconds: Int64 = 30 * 86_400
    static let draftSeconds: Int64 = 3600
    static let retrySeconds: Int64 = 2 * 86_400
    static let maximumAttempts = 3
    static let incompleteSeconds: Int64 = 23 * 3600

    init(dunningCancels: Bool) {
        self.dunningCancels = dunningCancels
    }

    mutating func subscribe(
        person: Int, userID: UUID, customerID: String, plan: Plan, isTrial: Bool, isPaid: Bool,
        at now: Int64
    ) {
        var new = Subscription(
            id: "sub_\(subscriptions.count + 1)", person: person, userID: userID,
            customerID: customerID, plan: plan.id, status: isTrial ? .trialing : .active,
            periodStart: now,
            periodEnd: now + (isTrial ? Self.trialSeconds : Self.periodSeconds),
            trialEnd: isTrial ? now + Self.trialSeconds : nil, cardIsGood: isPaid,
            price: plan.price.amount, billed: (plan.id, plan.price.amount),
            draft: (plan.id, plan.price.amount))
        if isTrial || isPaid {
            pay(&new)
        } else {
            new.status = .incomplete
            new.nextAttempt = now + Self.incompleteSeconds
        }
        subscriptions.append(new)
        notifications.append(subscriptions.count - 1)
    }

    private mutating func pay(_ subscription: inout Subscription) {
        invoices += 1
        let isTrial = subscription.status == .trialing
        subscription.paid.append(
            Invoice(
                id: "in_\(invoices)", plan: subscription.draft.plan,
                start: subscription.periodStart, end: subscription.periodEnd, isTrial: isTrial,
                charge: Charge(paid: isTrial ? 0 : subscription.draft.price)))
        // What waited for the next invoice was on this one.
        for index in subscription.changes.indices { subscription.changes[index].isPaid = true }
        subscription.nextAttempt = nil
        subscription.attempts = 0
    }

    /// The person's subscription that an action is about: the latest that is not over.
    func current(of person: Int) -> Int? {
        subscriptions.lastIndex { $0.person == person && !$0.isOver }
    }

    mutating func change(
        _ index: Int, at now: Int64, _ body: (inout Subscription) -> Void
    ) {
        body(&subscriptions[index])
        notifications.append(index)
    }

    /// An upgrade of ours is charged at once, and a declined card changes nothing. Stripe gives the
    /// rest of what was billed last back and charges the rest of the new plan; in a trial there is
    /// nothing to bill.
    mutating func changePlan(
        _ index: Int, to plan: Plan, _ billing: PlanBilling, _ catalog: Catalog, at now: Int64
    ) {
        let subscription = subscriptions[index]
        guard subscription.status == .active || subscription.status == .trialing,
            subscription.plan != plan.id
        else { return }
        let isUpgrade = plan.price.amount > subscription.price
        if isUpgrade && billing == .now && !subscription.cardIsGood { return }
        change(index, at: now) {
            $0.plan = plan.id
            $0.price = plan.price.amount
        }
        let (start, end) = (subscription.periodStart, subscription.periodEnd)
        guard billing != .never, subscription.status == .active, now < end else { return }
        let billed = subscription.billed
        let cents = (plan.price.amount - billed.price) * (end - now) / (end - start)
        invoices += 1
        subscriptions[index].billed = (plan.id, plan.price.amount)
        subscriptions[index].changes.append(
            Change(
                id: "ii_\(invoices)", at: now, end: end, from: billed.plan, to: plan.id,
                isPaid: billing == .now, cents: cents,
                charge: Charge(paid: billing == .now ? max(0, cents) : 0)))
    }

    mutating func cancel(_ index: Int, at now: Int64) {
        guard !subscriptions[index].isOver else { return }
        change(index, at: now) {
            $0.status = .canceled
            $0.canceledAt = now
            $0.endedAt = now
            $0.nextAttempt = nil
        }
    }

    mutating func refund(_ index: Int, at now: Int64) {
        guard let latest = subscriptions[index].paid.indices.last else { return }
        change(index, at: now) {
            $0.paid[latest].charge.returned = $0.paid[latest].charge.paid
        }
    }

    /// The payments of a subscription, the latest first: what is done to one is done in place.
    private mutating func changePayment(
        _ index: Int, _ payment: Int, at now: Int64, _ body: (inout Charge) -> Void
    ) {
        let subscription = subscriptions[index]
        let invoices = subscription.paid.indices.map { (subscription.paid[$0].start, $0, false) }
        let changes = subscription.changes.indices.map { (subscription.changes[$0].at, $0, true) }
        let payments = (invoices + changes).sorted { $0.0 > $1.0 }
        guard payments.indices.contains(payment) else { return }
        let (_, place, isChange) = payments[payment]
        change(index, at: now) {
            if isChange {
                body(&$0.changes[place].charge)
            } else {
                body(&$0.paid[place].charge)
            }
        }
    }

    mutating func refund(_ index: Int, payment: Int, quarters: Int, at now: Int64) {
        changePayment(index, payment, at: now) {
            $0.returned = min($0.paid, $0.returned + ($0.paid * Int64(quarters) + 3) / 4)
        }
    }

    mutating func failRefund(_ index: Int, payment: Int, at now: Int64) {
        changePayment(index, payment, at: now) { $0.returned = 0 }
    }

    mutating func moveTrial(_ index: Int, by seconds: Int64, at now: Int64) {
        let subscription = subscriptions[index]
        guard subscription.status == .trialing, let end = subscription.trialEnd,
            end + seconds > now
        else { return }
        change(index, at: now) {
            $0.trialEnd = end + seconds
            $0.periodEnd = end + seconds
            $0.paid[$0.paid.count - 1].end = end + seconds
        }
    }

    mutating func setCard(_ index: Int, isGood: Bool, at now: Int64) {
        subscriptions[index].cardIsGood = isGood
        let status = subscriptions[index].status
        guard isGood, status == .pastDue || status == .unpaid || status == .incomplete else {
            return
        }
        var subscription = subscriptions[index]
        // A first payment begins the period; a late one does not move it.
        if status == .incomplete {
            subscription.periodStart = now
            subscription.periodEnd = now + Self.periodSeconds
        }
        subscription.status = .active
        pay(&subscription)
        subscriptions[index] = subscription
        notifications.append(index)
    }

    /// Lets everything happen that falls due until `now`.
    mutating func advance(to now: Int64) {
        for index in subscriptions.indices {
            while !subscriptions[index].isOver, let due = due(index), due <= now {
                happen(index, at: due)
            }
        }
    }

    /// When something happens to the subscription by itself.
    private func due(_ index: Int) -> Int64? {
        let subscription = subscriptions[index]
        switch subscription.status {
        case .unpaid, .canceled, .incompleteExpired: return nil
        default: return min(subscription.nextAttempt ?? .max, subscription.periodEnd)
        }
    }

    private mutating func happen(_ index: Int, at now: Int64) {
        var subscription = subscriptions[index]
        if subscription.status == .incomplete {
            subscription.status = .incompleteExpired
            subscription.nextAttempt = nil
        } else if now == subscription.periodEnd && subscription.cancelAtPeriodEnd {
            subscription.status = .canceled
            subscription.endedAt = now
        } else if now == subscription.periodEnd {
            subscription.status = subscription.status == .trialing ? .active : subscription.status
            subscription.periodStart = now
            subscription.periodEnd = now + Self.periodSeconds
            subscription.nextAttempt = now + Self.draftSeconds
            subscription.attempts = 0
            subscription.billed = (subscription.plan, subscription.price)
            subscription.draft = subscription.billed
        } else {
            charge(&subscription, at: now)
        }
        subscriptions[index] = subscription
        notifications.append(index)
    }

    private mutating func charge(_ subscription: inout Subscription, at now: Int64) {
        if subscription.cardIsGood {
            subscription.status = .active
            pay(&subscription)
            return
        }
        subscription.attempts += 1
        subscription.status = .pastDue
        subscription.nextAttempt = now + Self.retrySeconds
        guard subscription.attempts >= Self.maximumAttempts else { return }
        subscription.nextAttempt = nil
        subscription.status = dunningCancels ? .canceled : .unpaid
        if dunningCancels {
            subscription.canceledAt = now
            subscription.endedAt = now
        }
    }

    /// The current object as the mirror reads it.
    func snapshot(_ index: Int) -> BillingSnapshot {
        let subscription = subscriptions[index]
        let periods = subscription.paid.suffix(3)
        let first = periods.first?.start ?? .max
        return BillingSnapshot(
            customerID: subscription.customerID, subscriptionID: subscription.id,
            planID: subscription.plan, status: subscription.status,
            cancelAtPeriodEnd: subscription.cancelAtPeriodEnd,
            canceledAt: subscription.canceledAt.map { Timestamp.epoch.adding(seconds: $0) },
            endedAt: subscription.endedAt.map { Timestamp.epoch.adding(seconds: $0) },
            trialEnd: subscription.trialEnd.map { Timestamp.epoch.adding(seconds: $0) },
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
        paid == 0 ? amount : Int64(Int128(amount) * Int128(paid - returned) / Int128(paid))
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
            // What goes back of an earlier period takes nothing, by the rule, nor of an upgrade
            // that is older than the period before.
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
