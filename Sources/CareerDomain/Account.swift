import FoundationEssentials

/// Where a user stands with the ledger: the mission's `CareerSubscriptionContext`, one a user. Its
/// counters are always those of the running period.
public struct CareerSubscriptionContext: Sendable, Hashable {
    public internal(set) var period: BillingPeriod
    /// The plan whose allocation the period was granted. A lower plan chosen within the period
    /// does not change it, so going down and up again grants nothing twice.
    public internal(set) var periodPlanID: UUID
    /// The instant from which the Free plan's months are counted.
    public internal(set) var anchor: Timestamp
    /// The sum of the period's grants.
    public internal(set) var allocated: Credits
    /// The sum of what the period's SUCCESS logs charged.
    public internal(set) var used: Credits
    /// The sum of what the period's PENDING logs hold.
    public internal(set) var reserved: Credits
    public internal(set) var minuteWindow: RateWindow
    public internal(set) var dayWindow: RateWindow
    /// The latest instant at which something was decided here; time never runs backwards for an
    /// account, whatever the clocks of the processes do.
    public internal(set) var decidedAt: Timestamp

    public init(
        period: BillingPeriod, periodPlanID: UUID, anchor: Timestamp, allocated: Credits,
        used: Credits,
        reserved: Credits, minuteWindow: RateWindow, dayWindow: RateWindow, decidedAt: Timestamp
    ) {
        self.period = period
        self.periodPlanID = periodPlanID
        self.anchor = anchor
        self.allocated = allocated
        self.used = used
        self.reserved = reserved
        self.minuteWindow = minuteWindow
        self.dayWindow = dayWindow
        self.decidedAt = decidedAt
    }

    /// What a reservation may still take. Never shown below zero: a revocation can leave less
    /// allocated than was already used.
    public var remaining: Credits { max(.zero, allocated - used - reserved) }

    /// The limits that the rule sets, as they stand at `now`.
    public func rateLimits(_ rule: PlanPricingRule, at now: Timestamp) -> [RateLimitStanding] {
        [minuteWindow, dayWindow].compactMap { window in
            guard let limit = rule.limit(window.span) else { return nil }
            let current = window.current(at: now)
            return RateLimitStanding(
                span: window.span, limit: limit, remaining: max(0, limit - current.count),
                resetAt: current.resetAt)
        }
    }
}

/// A subscription together with its ledger position: what a decision changes as one.
public struct Account: Sendable, Hashable {
    public internal(set) var subscription: Subscription
    public internal(set) var context: CareerSubscriptionContext

    public init(subscription: Subscription, context: CareerSubscriptionContext) {
        self.subscription = subscription
        self.context = context
    }

    /// Whether the user may spend at `now`: the running period, or the grace after it in which a
    /// payment is awaited, must not be over. What was paid for is theirs whatever the status says;
    /// without a paid period the status must entitle.
    public func isEntitled(at now: Timestamp, grace: Int64) -> Bool {
        (context.period.source == .paid || subscription.status.entitles)
            && now < context.period.end.adding(seconds: grace)
    }

    /// Starts the Free plan's month in which `now` lies, where the running period is over.
    ///
    /// - Returns: the grant of the new period, or `nil` where nothing was due.
    mutating func startFreePeriodIfDue(plan: Plan, at now: Timestamp) -> CreditGrant? {
        guard plan.kind == .free, now >= context.period.end else { return nil }
        let month = BillingPeriod.month(
            containing: now, anchor: context.anchor, number: context.period.number + 1)
        return start(month, on: plan, cause: "free_month", at: now)
    }

    /// Starts a period with the plan's grant. What the period before had left is gone, and what
    /// its reservations hold is its own affair.
    mutating func start(
        _ period: BillingPeriod, on plan: Plan, cause: String, at now: Timestamp
    ) -> CreditGrant {
        context.period = period
        context.periodPlanID = plan.id
        context.allocated = .zero
        context.used = .zero
        context.reserved = .zero
        return grant(.plan, plan.pricing.creditsAllocation, cause: cause, at: now)
    }

    /// Adds a grant to the running period.
    mutating func grant(
        _ kind: CreditGrant.Kind, _ credits: Credits, cause: String, reason: String? = nil,
        at now: Timestamp
    ) -> CreditGrant {
        context.allocated += credits
        return CreditGrant(
            userID: subscription.userID, periodNumber: context.period.number, kind: kind,
            cause: cause, credits: credits, reason: reason, createdAt: now)
    }

    /// Moves an overdue reservation to EXPIRED and gives back what it held.
    mutating func expire(_ log: UsageLog) -> UsageLog {
        var log = log
        log.status = .expired
        if log.periodNumber == context.period.number { context.reserved -= log.creditsReserved }
        return log
    }
}

/// An immutable line of what an account was given or had taken away. Each (user, period, kind,
/// cause) is granted at most once.
public struct CreditGrant: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case plan
        case upgrade
        case revocation
        case adjustment
    }

    public let userID: UUID
    public let periodNumber: Int64
    public let kind: Kind
    /// What caused it: the invoice, the operator's id, …
    public let cause: String
    /// Negative where it takes away.
    public let credits: Credits
    public let reason: String?
    public let createdAt: Timestamp

    public init(
        userID: UUID, periodNumber: Int64, kind: Kind, cause: String, credits: Credits,
        reason: String?, createdAt: Timestamp
    ) {
        self.userID = userID
        self.periodNumber = periodNumber
        self.kind = kind
        self.cause = cause
        self.credits = credits
        self.reason = reason
        self.createdAt = createdAt
    }
}
