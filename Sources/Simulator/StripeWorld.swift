import CareerDomain
import FoundationEssentials

/// Stripe as far as the ledger hears of it: subscriptions that renew by the clock, cards that do
/// not pay, and for each change a notification. Times are whole seconds, as Stripe's are.
struct StripeWorld {
    struct Subscription {
        let id: String
        let person: Int
        let userID: UUID
        let customerID: String
        var plan: UUID
        var status: CareerDomain.Subscription.Status
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
        /// Upgrades that were charged: the plan and from when on.
        var upgrades: [(plan: UUID, at: Int64)] = []

        var isOver: Bool { status == .canceled || status == .incompleteExpired }
    }

    struct Invoice {
        let id: String
        let plan: UUID
        let start: Int64
        let end: Int64
        var isRefunded = false
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
        person: Int, userID: UUID, customerID: String, plan: UUID, isTrial: Bool, isPaid: Bool,
        at now: Int64
    ) {
        var new = Subscription(
            id: "sub_\(subscriptions.count + 1)", person: person, userID: userID,
            customerID: customerID, plan: plan, status: isTrial ? .trialing : .active,
            periodStart: now,
            periodEnd: now + (isTrial ? Self.trialSeconds : Self.periodSeconds),
            trialEnd: isTrial ? now + Self.trialSeconds : nil, cardIsGood: isPaid)
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
        subscription.paid.append(
            Invoice(
                id: "in_\(invoices)", plan: subscription.plan, start: subscription.periodStart,
                end: subscription.periodEnd))
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

    /// An upgrade of ours is charged at once, and a declined card changes nothing; one made at
    /// Stripe may be billed later. A lower plan costs nothing now.
    mutating func changePlan(
        _ index: Int, to plan: Plan, isCharged: Bool, ranks: [UUID: Int64], at now: Int64
    ) {
        let subscription = subscriptions[index]
        guard subscription.status == .active || subscription.status == .trialing,
            subscription.plan != plan.id
        else { return }
        let isUpgrade = plan.rank > ranks[subscription.plan] ?? 0
        if isUpgrade && isCharged && !subscription.cardIsGood { return }
        change(index, at: now) {
            $0.plan = plan.id
            if isUpgrade && isCharged { $0.upgrades.append((plan.id, now)) }
        }
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
        change(index, at: now) { $0.paid[latest].isRefunded = true }
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
        let latest = subscription.paid.max { $0.end < $1.end }
        let isRevoked = latest?.isRefunded ?? false
        return BillingSnapshot(
            customerID: subscription.customerID, subscriptionID: subscription.id,
            planID: subscription.plan, status: subscription.status,
            cancelAtPeriodEnd: subscription.cancelAtPeriodEnd,
            canceledAt: subscription.canceledAt.map { Timestamp.epoch.adding(seconds: $0) },
            endedAt: subscription.endedAt.map { Timestamp.epoch.adding(seconds: $0) },
            trialEnd: subscription.trialEnd.map { Timestamp.epoch.adding(seconds: $0) },
            paid: isRevoked
                ? nil
                : latest.map {
                    BillingSnapshot.PaidPeriod(
                        invoiceID: $0.id, planID: $0.plan,
                        start: Timestamp.epoch.adding(seconds: $0.start),
                        end: Timestamp.epoch.adding(seconds: $0.end))
                },
            isRevoked: isRevoked,
            changedPlanAt: subscription.upgrades.last { upgrade in
                upgrade.plan == subscription.plan
                    && latest.map { ($0.start..<$0.end).contains(upgrade.at) } ?? false
            }
            .map { Timestamp.epoch.adding(seconds: $0.at) })
    }
}
