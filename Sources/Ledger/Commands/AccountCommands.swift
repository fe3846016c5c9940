import FoundationEssentials
import Values

/// Gives a user the Free plan, where they have no Career subscription yet. Idempotent: an existing
/// one is returned whatever its plan.
public struct ActivateFreeSubscription: LedgerCommand {
    public let userID: UUID
    /// The new subscription's id, where one is made.
    public let subscriptionID: UUID
    /// What an earlier, deleted account of the same email left running.
    public let former: FormerAccount?

    public init(userID: UUID, subscriptionID: UUID, former: FormerAccount?) {
        self.userID = userID
        self.subscriptionID = subscriptionID
        self.former = former
    }

    public var subject: LedgerSubject? { nil }

    public enum Outcome: Sendable, Equatable {
        case unknownUser
        case existing(Account)
        case created(Account)
    }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard position.user != .missing else { return Decision(.unknownUser, account: nil) }
        if let account = position.account { return Decision(.existing(account), account: account) }
        let plan = rules.catalog.freePlan
        var account = newAccount(plan: plan, at: now)
        var grants = [
            account.grant(.plan, plan.pricing.creditsAllocation, cause: "free_month", at: now)
        ]
        if let former, former.isRunning(at: now) {
            let gone = plan.pricing.creditsAllocation - former.remaining
            if gone > .zero {
                grants.append(
                    account.grant(.revocation, -gone, cause: "earlier_account", at: now))
            }
        }
        var decision = Decision<Outcome>(.created(account), account: account)
        decision.grants = grants
        decision.history = [
            SubscriptionChange(event: "activated", subscription: account.subscription, at: now)
        ]
        return decision
    }

    private func newAccount(plan: Plan, at now: Timestamp) -> Account {
        var period = BillingPeriod.month(containing: now, anchor: now, number: 1)
        var anchor = now
        if let former, former.isRunning(at: now) {
            anchor = former.anchor
            period = BillingPeriod(
                number: 1, start: former.periodStart, end: former.periodEnd, source: .free)
        }
        return Account(
            subscription: Subscription(
                id: subscriptionID, userID: userID, planID: plan.id, status: .active,
                stripeCustomerID: nil, stripeSubscriptionID: nil, cancelAtPeriodEnd: false,
                canceledAt: nil, trialEnd: nil, trialUsed: former?.trialUsed ?? false,
                createdAt: now, updatedAt: now),
            context: CareerSubscriptionContext(
                period: period, periodPlanID: plan.id, anchor: anchor, allocated: .zero,
                used: .zero, reserved: .zero,
                minuteWindow: RateWindow(.minute, start: .epoch, count: 0),
                dayWindow: RateWindow(.day, start: .epoch, count: 0),
                decidedAt: now))
    }
}

/// What is remembered of a deleted account, so that deleting and signing up again mints nothing.
public struct FormerAccount: Sendable, Hashable {
    public let trialUsed: Bool
    public let anchor: Timestamp
    public let periodStart: Timestamp
    public let periodEnd: Timestamp
    /// What the Free plan would have left of the running period, at most.
    public let remaining: Credits

    public init(
        trialUsed: Bool, anchor: Timestamp, periodStart: Timestamp, periodEnd: Timestamp,
        remaining: Credits
    ) {
        self.trialUsed = trialUsed
        self.anchor = anchor
        self.periodStart = periodStart
        self.periodEnd = periodEnd
        self.remaining = remaining
    }

    public func isRunning(at now: Timestamp) -> Bool { now < periodEnd }

    /// Of who had no free period.
    public static func over(at now: Timestamp) -> FormerAccount {
        FormerAccount(
            trialUsed: false, anchor: now, periodStart: now, periodEnd: now, remaining: .zero)
    }

    public var withTrialUsed: FormerAccount {
        FormerAccount(
            trialUsed: true, anchor: anchor, periodStart: periodStart, periodEnd: periodEnd,
            remaining: remaining)
    }
}

/// Brings an account up to `now`: starts a free month that is due, expires overdue reservations.
/// Reading a balance settles first, so that what is shown never depends on the sweeper.
public struct SettleAccount: LedgerCommand {
    public let userID: UUID

    public init(userID: UUID) {
        self.userID = userID
    }

    public var subject: LedgerSubject? { nil }
    public var seesAllOverdue: Bool { true }

    public struct Outcome: Sendable, Equatable {
        public let account: Account?
        /// Reservations that have lapsed, and grants that have ended.
        public let expired: Int
        /// The lines of a free month that was due and has begun.
        public let begun: [CreditGrant]
    }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard var account = position.account else {
            return Decision(Outcome(account: nil, expired: 0, begun: []), account: nil)
        }
        let expired = position.overdue.map { account.expire($0) }
        let grants = account.startPeriodIfDue(rules, at: now)
        if !grants.isEmpty { account.context.decidedAt = now }
        let ended = account.endGrants(at: now)
        var decision = Decision(
            Outcome(
                account: account, expired: position.expiredAhead.count + expired.count + ended,
                begun: grants),
            account: account)
        decision.grants = grants
        decision.logs = expired
        return decision
    }
}

/// An operator gives credits to the running period or takes them away, with a reason.
public struct AdjustCredits: LedgerCommand {
    public let userID: UUID
    public let credits: Credits
    public let reason: String
    /// Names the adjustment, so that repeating the command does not repeat the effect.
    public let cause: String

    public init(userID: UUID, credits: Credits, reason: String, cause: String) {
        self.userID = userID
        self.credits = credits
        self.reason = reason
        self.cause = cause
    }

    public var subject: LedgerSubject? { nil }

    public var onceOnly: GrantKey? {
        GrantKey(userID: userID, kind: .adjustment, cause: cause)
    }

    public enum Outcome: Sendable, Equatable {
        case noSubscription
        /// An adjustment of this name was made before; nothing has changed.
        case alreadyAdjusted
        /// The adjustment would take away more than the period has left.
        case wouldBeNegative
        /// The period would have more than ``Credits/maximum``; at most `room` can be added.
        case wouldExceedMaximum(room: Credits)
        case adjusted(Account)
    }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard var account = position.account, !account.subscription.awaitsFirstPayment else {
            return Decision(.noSubscription, account: position.account)
        }
        if position.wasGranted { return Decision(.alreadyAdjusted, account: account) }
        // What has lapsed is there to be taken away.
        let expired = position.overdue.map { account.expire($0) }
        var grants = account.startPeriodIfDue(rules, at: now)
        let allocated = account.context.allocated
        guard credits >= .zero || account.context.remaining + credits >= .zero else {
            return Decision(.wouldBeNegative, account: position.account)
        }
        guard allocated + credits <= Credits.maximum else {
            return Decision(
                .wouldExceedMaximum(room: Credits.maximum - allocated), account: position.account)
        }
        grants.append(
            account.grant(.adjustment, credits, cause: cause, reason: reason, at: now))
        account.context.decidedAt = now
        var decision = Decision<Outcome>(.adjusted(account), account: account)
        decision.grants = grants
        decision.logs = expired
        return decision
    }
}

/// Erases the user and all that is theirs, and tells what must be remembered of it.
public struct EraseAccount: LedgerCommand {
    public let userID: UUID

    public init(userID: UUID) {
        self.userID = userID
    }

    public var subject: LedgerSubject? { nil }

    /// `nil` where the user had no Career subscription.
    public typealias Outcome = FormerAccount?

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        var decision = Decision<Outcome>(former(position, rules, at: now), account: nil)
        decision.erasesUser = true
        return decision
    }

    private func former(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> FormerAccount? {
        guard var account = position.account else { return nil }
        let free = rules.catalog.freePlan
        _ = account.startPeriodIfDue(rules, at: now)
        for log in position.overdue { _ = account.expire(log) }
        let context = account.context
        // Reservations count as used: whoever still holds one can no longer commit it.
        let left = min(context.allocated, free.pricing.creditsAllocation)
        return FormerAccount(
            trialUsed: account.subscription.trialUsed,
            anchor: context.period.source == .free ? context.anchor : context.period.end,
            periodStart: context.period.start,
            periodEnd: context.period.end,
            remaining: max(.zero, left - context.used - context.reserved))
    }
}
