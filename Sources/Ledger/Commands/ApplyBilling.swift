import FoundationEssentials
import Values

/// Brings an account in line with Stripe. Applying the same snapshot again changes nothing.
public struct ApplyBilling: LedgerCommand {
    public let userID: UUID
    public let snapshot: BillingSnapshot
    /// `nil` for a snapshot that nobody else can fetch at the same time.
    public let token: FencingToken?
    /// Whether the Free plan follows what has ended.
    public let keepsFree: Bool

    /// - Parameters:
    ///   - token: the number that was taken before the snapshot was fetched.
    ///   - keepsFree: false for a holder who has a paid plan or none.
    public init(
        userID: UUID, snapshot: BillingSnapshot, token: Int64? = nil, keepsFree: Bool = true
    ) {
        self.userID = userID
        self.snapshot = snapshot
        self.keepsFree = keepsFree
        self.token = token.map {
            FencingToken(subscriptionID: snapshot.subscriptionID, number: $0)
        }
    }

    public var subject: LedgerSubject? { nil }
    public var seesGrants: Bool { true }
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
        /// Another plan is to follow at the end of what is paid.
        case planScheduled = "plan_scheduled"
        /// The plan that was to follow does so no longer.
        case planUnscheduled = "plan_unscheduled"
        case ended
        case revoked
        /// A part of what the running period cost went back.
        case returnedInPart = "payment_returned_in_part"
        /// What an upgrade cost went back, or a part of it.
        case upgradeReturned = "upgrade_returned"
        case updated
    }

    public enum Outcome: Sendable, Equatable {
        /// A later fetch has been applied; nothing is left to write.
        case outOfDate
        case noAccount
        /// The snapshot is of another subscription than the account's live one.
        case otherSubscription(current: String)
        /// The subscription was not the account's and does not become it; at most the trial that
        /// it used was noted.
        case notTheirs
        case applied(Account, [Event])
    }

    /// The very token that was applied last may be applied again: its database transaction was
    /// committed, the answer was lost, and what follows at Stripe from the outcome is still to be
    /// done.
    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        if let token, token.number < position.appliedToken {
            return Decision(.outOfDate, account: position.account)
        }
        var decision = decideOnNewest(position, rules, now)
        decision.token = token
        return decision
    }

    private func decideOnNewest(
        _ position: Position, _ rules: LedgerRules, _ now: Timestamp
    ) -> Decision<Outcome> {
        guard let before = position.account else { return Decision(.noAccount, account: nil) }
        var change = BillingChange(before, position.grants, rules, now)
        let current = before.subscription.stripeSubscriptionID
        if let current, current != snapshot.subscriptionID {
            return change.decision(ofStranger: snapshot, .otherSubscription(current: current))
        }
        // Who is on a price of no plan of ours keeps the plan that they have.
        let kept = current == nil ? nil : before.subscription.planID
        guard let plan = (snapshot.planID ?? kept).flatMap({ rules.catalog.plan($0) }) else {
            return change.decision(ofStranger: snapshot, .notTheirs)
        }
        guard current != nil || isTakenOver(by: before, wasGranted: position.wasGranted) else {
            change.noteTrial(snapshot)
            return change.decision(ofStranger: snapshot, .notTheirs)
        }
        change.expire(position.overdue)
        change.settleYear(snapshot)
        if current == nil { change.resumeYear(snapshot, wasGranted: position.wasGranted) }
        change.balance(snapshot)
        if change.isDue(snapshot, wasGranted: position.wasGranted) {
            change.startPaidPeriod(snapshot, fallback: plan)
            change.balance(snapshot)
        } else {
            change.settleMonth()
        }
        if snapshot.isOver {
            if keepsFree { change.end(snapshot) } else { change.close(snapshot) }
        } else {
            change.mirror(snapshot, plan)
            change.followTrial(snapshot)
            change.grantUpgradeInTrial(snapshot, to: plan)
        }
        return change.decision()
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
struct BillingChange {
    let before: Account
    var account: Account
    /// The lines of the running period, of the one before it and of those that have a rollover
    /// which has not ended, as they were.
    let known: [CreditGrant]
    let rules: LedgerRules
    let now: Timestamp
    var grants: [CreditGrant] = []
    var logs: [UsageLog] = []
    var events: [ApplyBilling.Event] = []

    init(
        _ account: Account, _ known: [CreditGrant], _ rules: LedgerRules, _ now: Timestamp
    ) {
        before = account
        self.account = account
        self.known = known
        self.rules = rules
        self.now = now
    }

    /// What is overdue is not in use: it is there to be taken back.
    mutating func expire(_ overdue: [UsageLog]) {
        logs = overdue.map { account.expire($0) }
    }

    /// Whether a period that was paid for has yet to start: once for each invoice. Within a
    /// subscription it must be later than the running one, and may be over by now: the grace is
    /// counted from its end however late it is heard of. What takes the place of a free month, or
    /// of another subscription, may well end before it, but must reach into it, and leave something
    /// to spend: itself or its grace, or the free month that follows a subscription that is over.
    func isDue(_ snapshot: BillingSnapshot, wasGranted: Bool) -> Bool {
        guard let paid = snapshot.paid, !wasGranted else { return false }
        let running = account.context.period
        if account.subscription.stripeSubscriptionID != nil && running.source == .paid {
            return paid.start > running.start || paid.end > running.end
        }
        return paid.end > running.start
            && (snapshot.isOver || now < paid.end.adding(seconds: rules.pastDueGrace))
    }

    mutating func startPaidPeriod(_ snapshot: BillingSnapshot, fallback: Plan) {
        guard let paid = snapshot.paid,
            let plan = rules.catalog.plan(paid.planID ?? fallback.id)
        else { return }
        let isFirst = account.subscription.stripeSubscriptionID == nil
        let running = account.context.period
        let former = rules.catalog.plan(account.context.periodPlanID)
        grants += account.start(
            begin(paid, on: plan, number: running.number + 1), on: plan, cause: paid.invoiceID,
            rolling: isFirst ? nil : rollover(into: paid), at: now)
        // What was granted to the period before is gone with it, and nobody needs to hear of it.
        events = []
        // A subscription may be known before its first payment is: the plan is activated by the
        // payment, whichever refresh sees it.
        let isActivation = isFirst || running.source == .free || paid.isFirst
        // A higher plan by the year takes the place of a month that has not ended.
        let isUpgrade =
            paid.start < running.end && plan.interval == .year && former?.interval == .month
            && plan.rank > (former?.rank ?? plan.rank)
        guard !snapshot.isOver else { return }
        events.append(isActivation ? .activated : isUpgrade ? .upgraded : .renewed)
    }

    /// A trial whose end is moved moves the end of its period. It grants nothing more: all of a
    /// trial is one period.
    mutating func followTrial(_ snapshot: BillingSnapshot) {
        let period = account.context.period
        guard snapshot.status == .trialing, period.source == .paid,
            let end = snapshot.trialEnd, end > period.start, isPaid(by: snapshot),
            account.context.year == nil
        else { return }
        account.context.period = BillingPeriod(
            number: period.number, start: period.start, end: end, source: .paid)
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
        let isMoved = old.cancelAt != nil && snapshot.cancelAt != old.cancelAt
        if snapshot.cancelAtPeriodEnd && (!old.cancelAtPeriodEnd || isMoved) {
            events.append(.cancellationRequested)
        }
        if !snapshot.cancelAtPeriodEnd && old.cancelAtPeriodEnd { events.append(.resumed) }
        schedule(snapshot, plan)
        account.subscription.planID = plan.id
        account.subscription.status = snapshot.status
        account.subscription.stripeCustomerID = snapshot.customerID
        account.subscription.stripeSubscriptionID = snapshot.subscriptionID
        account.subscription.cancelAtPeriodEnd = snapshot.cancelAtPeriodEnd
        account.subscription.cancelAt = snapshot.cancelAt
        account.subscription.canceledAt = snapshot.canceledAt
        account.subscription.trialEnd = snapshot.trialEnd
        noteTrial(snapshot)
    }

    /// In a trial there is nothing to pay: a higher plan grants its share of what is left, and
    /// going down and up again grants nothing twice. The month after it, which may have been paid
    /// between the fetches of the subscription and of its invoices, is none of the trial's.
    mutating func grantUpgradeInTrial(_ snapshot: BillingSnapshot, to plan: Plan) {
        let period = account.context.period
        let isOfTrial = snapshot.trialEnd.map { period.start < $0 } ?? true
        guard period.source == .paid, snapshot.status == .trialing, isOfTrial,
            let granted = rules.catalog.plan(account.context.periodPlanID),
            plan.rank > granted.rank
        else { return }
        let difference = plan.pricing.creditsAllocation - granted.pricing.creditsAllocation
        let from = min(max(now, period.start), period.end)
        account.context.periodPlanID = plan.id
        guard difference > .zero else { return }
        let share = difference.share(
            period.end.micros - from.micros, of: period.end.micros - period.start.micros)
        grants.append(account.grant(.upgrade, share, cause: plan.id.text, at: now))
        events.append(.upgraded)
    }
}
