import FoundationEssentials
import Ledger
import Values

/// Stripe as far as the ledger hears of it: subscriptions that renew by the clock, cards that do
/// not pay, and for each change a notification. Times are whole seconds, as Stripe's are.
struct StripeWorld {
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

    /// The one whose payments go back: that one, else the latest of those that are over.
    func latest(of person: Int) -> Int? {
        current(of: person) ?? subscriptions.lastIndex { $0.person == person }
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
            // A schedule would undo the change: it is released first.
            $0.scheduled = nil
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

    /// Attaches a schedule that brings another plan at the period's end, in place of one that was
    /// to follow; without a plan it is released.
    mutating func schedule(_ index: Int, _ plan: Plan?, at now: Int64) {
        let subscription = subscriptions[index]
        guard subscription.status == .active || subscription.status == .trialing,
            !subscription.cancelAtPeriodEnd, subscription.plan != plan?.id
        else { return }
        change(index, at: now) { $0.scheduled = plan.map { ($0.id, $0.price.amount) } }
    }

    mutating func cancel(_ index: Int, at now: Int64) {
        guard !subscriptions[index].isOver else { return }
        change(index, at: now) {
            $0.status = .canceled
            $0.canceledAt = now
            $0.endedAt = now
            $0.nextAttempt = nil
            $0.scheduled = nil
        }
    }

    mutating func refund(_ index: Int, at now: Int64) {
        guard let latest = subscriptions[index].paid.indices.last else { return }
        change(index, at: now) {
            $0.paid[latest].charge.returned = $0.paid[latest].charge.paid
            $0.paid[latest].charge.isLate = $0.isOver && $0.paid[latest].end <= now
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
                $0.changes[place].charge.isLate = $0.isOver && $0.changes[place].end <= now
            } else {
                body(&$0.paid[place].charge)
                $0.paid[place].charge.isLate = $0.isOver && $0.paid[place].end <= now
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
            if let next = subscription.scheduled {
                (subscription.plan, subscription.price) = next
                subscription.scheduled = nil
            }
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
            subscription.scheduled = nil
        }
    }
}
