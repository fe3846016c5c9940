import FoundationEssentials

/// What Stripe says of one subscription now, in the domain's words. It is always the current
/// object, never an event's old copy, so the order of events cannot matter.
public struct BillingSnapshot: Sendable, Hashable {
    /// A period that was paid for: its invoice's id and the span and plan of its line. A trial's
    /// invoice over nothing counts.
    public struct PaidPeriod: Sendable, Hashable {
        public let invoiceID: String
        public let planID: UUID
        public let start: Timestamp
        public let end: Timestamp
        /// Whether it is the first one of its subscription.
        public let isFirst: Bool

        public init(
            invoiceID: String, planID: UUID, start: Timestamp, end: Timestamp,
            isFirst: Bool = false
        ) {
            self.invoiceID = invoiceID
            self.planID = planID
            self.start = start
            self.end = end
            self.isFirst = isFirst
        }
    }

    public let customerID: String
    public let subscriptionID: String
    public let planID: UUID
    public let status: Subscription.Status
    public let cancelAtPeriodEnd: Bool
    public let canceledAt: Timestamp?
    public let endedAt: Timestamp?
    public let trialEnd: Timestamp?
    /// The latest period whose invoice is paid, and was neither refunded in full nor lost to a
    /// dispute.
    public let paid: PaidPeriod?
    /// Whether the latest paid invoice was refunded in full, or its dispute lost.
    public let isRevoked: Bool
    /// From when on the present plan was charged, where it was changed within the paid period and
    /// the change is paid.
    public let changedPlanAt: Timestamp?

    public init(
        customerID: String, subscriptionID: String, planID: UUID, status: Subscription.Status,
        cancelAtPeriodEnd: Bool, canceledAt: Timestamp?, endedAt: Timestamp?,
        trialEnd: Timestamp?, paid: PaidPeriod?, isRevoked: Bool, changedPlanAt: Timestamp?
    ) {
        self.customerID = customerID
        self.subscriptionID = subscriptionID
        self.planID = planID
        self.status = status
        self.cancelAtPeriodEnd = cancelAtPeriodEnd
        self.canceledAt = canceledAt
        self.endedAt = endedAt
        self.trialEnd = trialEnd
        self.paid = paid
        self.isRevoked = isRevoked
        self.changedPlanAt = changedPlanAt
    }

    /// Whether the subscription is over for good at Stripe.
    var isOver: Bool { isRevoked || status == .canceled || status == .incompleteExpired }
}

/// Brings an account in line with Stripe. Applying the same snapshot again changes nothing.
public struct ApplyBilling: LedgerCommand {
    public let userID: UUID
    public let snapshot: BillingSnapshot

    public init(userID: UUID, snapshot: BillingSnapshot) {
        self.userID = userID
        self.snapshot = snapshot
    }

    public var subject: LedgerSubject? { nil }
    public var onceOnly: GrantKey? {
        snapshot.paid.map { GrantKey(userID: userID, kind: .plan, cause: $0.invoiceID) }
    }

    /// What happened, for mails and the history.
    public enum Event: String, Sendable, Hashable {
        case activated
        case renewed
        case upgraded
        case planLowered = "plan_lowered"
        case paymentPastDue = "payment_past_due"
        case cancellationRequested = "cancellation_requested"
        case resumed
        case ended
        case revoked
        case updated
    }

    public enum Outcome: Sendable, Equatable {
        case noAccount
        /// The snapshot is of another subscription than the account's live one.
        case otherSubscription(current: String)
        /// The subscription was not the account's and does not become it; at most the trial that
        /// it used was noted.
        case notTheirs
        case applied(Account, [Event])
    }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard let before = position.account else { return Decision(.noAccount, account: nil) }
        let current = before.subscription.stripeSubscriptionID
        if let current, current != snapshot.subscriptionID {
            return Decision(.otherSubscription(current: current), account: before)
        }
        guard let plan = rules.catalog.plan(snapshot.planID) else {
            return Decision(.notTheirs, account: before)
        }
        var change = BillingChange(before, rules, now)
        guard current != nil || isTakenOver(by: before, wasGranted: position.wasGranted) else {
            change.noteTrial(snapshot)
            var decision = change.decision(since: before)
            decision.outcome = .notTheirs
            return decision
        }
        if change.isDue(snapshot, wasGranted: position.wasGranted) {
            change.startPaidPeriod(snapshot)
        } else {
            change.settleFreeMonth()
        }
        if snapshot.isOver {
            change.end(snapshot)
        } else {
            change.mirror(snapshot, plan)
            change.grantUpgrade(snapshot, to: plan)
        }
        return change.decision(since: before)
    }

    /// Whether a subscription that is new to the account becomes its own. Its end may be told
    /// before its beginning: one that is over counts where it paid for a period that was never
    /// granted and is not older than the running one. One that awaits its first payment, or whose
    /// money went back, does not.
    private func isTakenOver(by account: Account, wasGranted: Bool) -> Bool {
        guard snapshot.isOver else { return snapshot.status != .incomplete }
        guard let paid = snapshot.paid, !snapshot.isRevoked, !wasGranted else { return false }
        return paid.end > account.context.period.start
    }
}

/// An account on its way to what a snapshot says.
private struct BillingChange {
    var account: Account
    let rules: LedgerRules
    let now: Timestamp
    var grants: [CreditGrant] = []
    var events: [ApplyBilling.Event] = []

    init(_ account: Account, _ rules: LedgerRules, _ now: Timestamp) {
        self.account = account
        self.rules = rules
        self.now = now
    }

    mutating func settleFreeMonth() {
        guard let plan = rules.catalog.plan(account.subscription.planID) else { return }
        if let grant = account.startFreePeriodIfDue(plan: plan, at: now) { grants.append(grant) }
    }

    /// Whether a period that was paid for has yet to start: once for each invoice. Within a
    /// subscription it must be later than the running one, and may be over by now: the grace is
    /// counted from its end however late it is heard of. What takes the place of a free month, or of
    /// another subscription, may well end before it, but must reach into it, and leave something to
    /// spend: itself or its grace, or the free month that follows a subscription that is over.
    func isDue(_ snapshot: BillingSnapshot, wasGranted: Bool) -> Bool {
        guard let paid = snapshot.paid, !wasGranted else { return false }
        let running = account.context.period
        if account.subscription.stripeSubscriptionID != nil && running.source == .paid {
            return paid.start > running.start || paid.end > running.end
        }
        return paid.end > running.start
            && (snapshot.isOver || now < paid.end.adding(seconds: rules.pastDueGrace))
    }

    mutating func startPaidPeriod(_ snapshot: BillingSnapshot) {
        guard let paid = snapshot.paid, let plan = rules.catalog.plan(paid.planID) else { return }
        let isFirst = account.subscription.stripeSubscriptionID == nil
        let running = account.context.period
        grants.append(
            account.start(
                BillingPeriod(
                    number: running.number + 1, start: paid.start, end: paid.end, source: .paid),
                on: plan, cause: paid.invoiceID, at: now))
        // A subscription may be known before its first payment is: the plan is activated by the
        // payment, whichever refresh sees it.
        let isActivation = isFirst || running.source == .free || paid.isFirst
        if !snapshot.isOver { events.append(isActivation ? .activated : .renewed) }
    }

    /// One trial a user, ever: it is used up by a subscription that is not taken over too.
    mutating func noteTrial(_ snapshot: BillingSnapshot) {
        if snapshot.trialEnd != nil { account.subscription.trialUsed = true }
    }

    /// Takes over the plan, the status and the ids.
    mutating func mirror(_ snapshot: BillingSnapshot, _ plan: Plan) {
        let old = account.subscription
        if let oldPlan = rules.catalog.plan(old.planID), old.stripeSubscriptionID != nil,
            plan.rank < oldPlan.rank
        {
            events.append(.planLowered)
        }
        if snapshot.status == .pastDue && old.status != .pastDue { events.append(.paymentPastDue) }
        if snapshot.cancelAtPeriodEnd && !old.cancelAtPeriodEnd {
            events.append(.cancellationRequested)
        }
        if !snapshot.cancelAtPeriodEnd && old.cancelAtPeriodEnd { events.append(.resumed) }
        account.subscription.planID = plan.id
        account.subscription.status = snapshot.status
        account.subscription.stripeCustomerID = snapshot.customerID
        account.subscription.stripeSubscriptionID = snapshot.subscriptionID
        account.subscription.cancelAtPeriodEnd = snapshot.cancelAtPeriodEnd
        account.subscription.canceledAt = snapshot.canceledAt
        account.subscription.trialEnd = snapshot.trialEnd
        noteTrial(snapshot)
    }

    /// Who pays for a third of a period gets a third of the difference, down to the hundredth. A
    /// higher plan that nobody has paid for yet grants nothing; in a trial there is nothing to pay.
    mutating func grantUpgrade(_ snapshot: BillingSnapshot, to plan: Plan) {
        let period = account.context.period
        guard period.source == .paid, snapshot.status.entitles,
            snapshot.changedPlanAt != nil || snapshot.status == .trialing,
            let granted = rules.catalog.plan(account.context.periodPlanID),
            plan.rank > granted.rank
        else { return }
        let difference = plan.pricing.creditsAllocation - granted.pricing.creditsAllocation
        let from = min(max(snapshot.changedPlanAt ?? now, period.start), period.end)
        account.context.periodPlanID = plan.id
        guard difference > .zero else { return }
        let share = difference.share(
            period.end.micros - from.micros, of: period.end.micros - period.start.micros)
        grants.append(account.grant(.upgrade, share, cause: plan.id.text, at: now))
        events.append(.upgraded)
    }

    /// Back to Free. At the period's end a free month begins when Stripe ended the subscription;
    /// before it, the running period goes on to its end with what was granted and used, capped at
    /// the Free allocation.
    mutating func end(_ snapshot: BillingSnapshot) {
        let free = rules.catalog.freePlan
        let endedAt = snapshot.endedAt ?? now
        let period = account.context.period
        let isEarly = snapshot.isRevoked || endedAt < period.end
        if period.source == .paid && isEarly {
            let surplus = account.context.allocated - free.pricing.creditsAllocation
            if surplus > .zero {
                grants.append(
                    account.grant(
                        .revocation, -surplus, cause: snapshot.subscriptionID, at: now))
            }
            account.context.anchor = period.end
        } else if period.source == .paid {
            account.context.anchor = endedAt
        }
        noteTrial(snapshot)
        account.subscription.planID = free.id
        account.subscription.status = .active
        account.subscription.stripeSubscriptionID = nil
        account.subscription.cancelAtPeriodEnd = false
        account.subscription.canceledAt = snapshot.canceledAt
        account.subscription.trialEnd = snapshot.trialEnd
        events.append(snapshot.isRevoked ? .revoked : .ended)
        settleFreeMonth()
    }

    func decision(since before: Account) -> Decision<ApplyBilling.Outcome> {
        var account = account
        let isChanged = account != before || !grants.isEmpty
        if isChanged { account.context.decidedAt = now }
        var events = events
        if account.subscription != before.subscription {
            account.subscription.updatedAt = now
            if events.isEmpty { events = [.updated] }
        }
        var decision = Decision<ApplyBilling.Outcome>(
            .applied(account, events), account: account)
        decision.grants = grants
        decision.history = events.map {
            SubscriptionChange(event: $0.rawValue, subscription: account.subscription, at: now)
        }
        return decision
    }
}
