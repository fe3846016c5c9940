import FoundationEssentials
import Values

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
    /// What was used of credits whose money went back: a debt, by which the next plan grants are
    /// reduced.
    public internal(set) var owed: Credits
    /// What the period before had left when it ended: of this, what is taken back later is no debt.
    public internal(set) var formerLeft: Credits
    public internal(set) var minuteWindow: RateWindow
    public internal(set) var dayWindow: RateWindow
    /// A lower bound of the ends of the account's holds, those of earlier periods too: before this
    /// instant none of them is overdue. `nil` if nothing is held that could lapse. The batch keeps
    /// it (``LedgerBatch``); no rule reads it.
    public internal(set) var earliestExpiry: Timestamp?
    /// How many of the account's grants beside the pool are open, or held by a call: none for most
    /// accounts, of which none is then looked for.
    public internal(set) var openGrants: Int64
    /// The user's own limits, and what counts against them; `nil` for most. The batch keeps what
    /// counts (``LedgerBatch``); rules read it.
    public internal(set) var brakes: SpendingBrakes?
    /// With less than this left after a charge, the account's automatic top-up is to be looked at;
    /// `nil` for most, which have none. Only a hint: whether one is bought is judged later.
    public internal(set) var topUpBelow: Credits?
    /// `nil` for an account that is not called by key.
    public internal(set) var testWindows: TestWindows?
    /// The year that the running period is a month of; `nil` for most, which pay by the month.
    public internal(set) var year: PaidYear?
    /// The latest instant at which something was decided here; time never runs backwards for an
    /// account, whatever the clocks of the processes do.
    public internal(set) var decidedAt: Timestamp

    public init(
        period: BillingPeriod, periodPlanID: UUID, anchor: Timestamp, allocated: Credits,
        used: Credits,
        reserved: Credits, owed: Credits = .zero, formerLeft: Credits = .zero,
        minuteWindow: RateWindow, dayWindow: RateWindow, earliestExpiry: Timestamp? = nil,
        openGrants: Int64 = 0, brakes: SpendingBrakes? = nil, decidedAt: Timestamp
    ) {
        self.period = period
        self.periodPlanID = periodPlanID
        self.anchor = anchor
        self.allocated = allocated
        self.used = used
        self.reserved = reserved
        self.owed = owed
        self.formerLeft = formerLeft
        self.minuteWindow = minuteWindow
        self.dayWindow = dayWindow
        self.earliestExpiry = earliestExpiry
        self.openGrants = openGrants
        self.brakes = brakes
        self.decidedAt = decidedAt
    }

    /// Takes over the brakes that are stored apart.
    public mutating func keepBrakes(_ brakes: SpendingBrakes?) { self.brakes = brakes }

    /// Takes over the mark that is stored apart.
    public mutating func keepTopUpMark(_ below: Credits?) { topUpBelow = below }

    /// Takes over the windows of test calls that are stored apart.
    public mutating func keepTestWindows(_ windows: TestWindows) { testWindows = windows }

    /// What a reservation may still take. Never shown below zero: a revocation can leave less
    /// allocated than was already used.
    public var remaining: Credits { max(.zero, allocated - used - reserved) }

    /// Whether a call may hold something of the running period's pool, or of a grant beside it.
    public var mayHold: Bool {
        reserved > .zero || openGrants > 0 || brakes.map { $0.spending.held > .zero } ?? false
    }

    /// The instant by which the rate windows are judged: the decision's, unless the account lies
    /// further in the future than clocks may differ; then what the clock says.
    func windowsAt(_ now: Timestamp, clock: Timestamp) -> Timestamp {
        clock.adding(seconds: RateWindow.maximumSkew) < now ? clock : now
    }

    /// The windows in which calls are counted, test calls in theirs.
    func windows(ofTests isTest: Bool) -> [RateWindow] {
        guard isTest else { return [minuteWindow, dayWindow] }
        let windows = testWindows ?? .none
        return [windows.minute, windows.day]
    }

    /// Counts a call in the windows that are current at `instant`.
    mutating func countCall(isTest: Bool, at instant: Timestamp) {
        var counted = windows(ofTests: isTest).map { $0.current(at: instant) }
        for index in counted.indices { counted[index].countOne() }
        if isTest {
            testWindows = TestWindows(minute: counted[0], day: counted[1])
        } else {
            (minuteWindow, dayWindow) = (counted[0], counted[1])
        }
    }

    /// The limits that the rule sets, as they stand at `now`.
    public func rateLimits(
        _ rule: PlanPricingRule, ofTests isTest: Bool = false, at now: Timestamp
    ) -> [RateLimitStanding] {
        windows(ofTests: isTest).compactMap { window in
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
    /// The grants beside the pool: all that are open, and those of which a call of the batch has
    /// drawn.
    public internal(set) var grants: [StandaloneGrant]
    /// Lines that a release has made; the batch writes them with the decision.
    var lines: [CreditGrant] = []
    /// Calls that lend, or are lent by, those that the decision is about, by their ids. The batch
    /// fills it, and writes what the decision has moved of them.
    var lenders: [UUID: UsageLog] = [:]
    /// What the decision has given back to the account, and limits need no longer count as held.
    var freed: Credits = .zero

    public init(
        subscription: Subscription, context: CareerSubscriptionContext,
        grants: [StandaloneGrant] = []
    ) {
        self.subscription = subscription
        self.context = context
        self.grants = grants
    }

    /// The same account with the grants that were loaded for it.
    public func with(grants: [StandaloneGrant]) -> Account {
        Account(subscription: subscription, context: context, grants: grants)
    }

    /// Whether the user may spend at `now`: the running period, or the grace after it in which a
    /// payment is awaited, must not be over. What was paid for is theirs whatever the status says;
    /// without a paid period the status must entitle.
    public func isEntitled(at now: Timestamp, grace: Int64) -> Bool {
        (context.period.source == .paid || subscription.status.entitles)
            && now < context.period.end.adding(seconds: grace)
    }

    /// Takes over the bound that was found by looking.
    public mutating func keepEarliestExpiry(_ first: Timestamp?) {
        context.earliestExpiry = first
    }

    /// Starts the Free plan's month in which `now` lies, where the running period is over.
    ///
    /// - Returns: the lines of the new period; none where nothing was due.
    mutating func startFreePeriodIfDue(plan: Plan, at now: Timestamp) -> [CreditGrant] {
        guard plan.kind == .free, now >= context.period.end else { return [] }
        let month = BillingPeriod.month(
            containing: now, anchor: context.anchor, number: context.period.number + 1)
        let isNext = context.period.source == .free && context.periodPlanID == plan.id
        return start(
            month, on: plan, cause: "free_month", rolling: isNext ? plan.pricing.rollover : nil,
            at: now)
    }

    /// Starts a period with the plan's grant, less what is owed. What the period before had left
    /// becomes a grant as far as `rollover` says, and is gone beyond that; what its reservations
    /// hold is its own affair. A month of a paid year has what went back of the year's money taken
    /// of it. What is overdue must have been expired.
    mutating func start(
        _ period: BillingPeriod, on plan: Plan, cause: String, rolling rollover: Rollover? = nil,
        at now: Timestamp
    ) -> [CreditGrant] {
        let forfeited = rollover.flatMap { roll($0, into: period, at: now) }
        context.formerLeft = context.remaining + (forfeited?.credits ?? .zero)
        context.period = period
        context.periodPlanID = plan.id
        context.allocated = .zero
        context.used = .zero
        context.reserved = .zero
        let granted = grant(.plan, plan.pricing.creditsAllocation, cause: cause, at: now)
        var lines = [forfeited, granted].compactMap { $0 }
        let withheld = context.year?.withheld(of: granted.credits) ?? .zero
        if withheld > .zero, let year = context.year {
            lines.append(grant(.revocation, -withheld, cause: year.invoiceID, at: now))
        }
        let paidOff = min(context.owed, granted.credits - withheld)
        guard paidOff > .zero else { return lines }
        context.owed -= paidOff
        return lines + [grant(.revocation, -paidOff, cause: CreditGrant.debt, at: now)]
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

    /// Moves an overdue reservation to EXPIRED and gives back what it held. That happened when it
    /// lapsed, whoever notices it and when: the account's last decision is never later than the
    /// newest of its rows.
    mutating func expire(_ log: UsageLog) -> UsageLog {
        var log = log
        // What lapsed before may have given back to it.
        if let lender = lenders[log.id], lender.mayLapse { log = lender }
        release(&log, at: log.expiresAt)
        log.status = .expired
        if lenders[log.id] != nil { lenders[log.id] = log }
        context.decidedAt = max(context.decidedAt, log.expiresAt)
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
        /// What the period had left and is a rollover grant now.
        case forfeiture
    }

    /// The cause of the revocations that move a debt: out of the period in which more was used than
    /// is left of it, and into the one whose grant pays it off.
    public static let debt = "debt"

    public let userID: UUID
    public let periodNumber: Int64
    public let kind: Kind
    /// What caused it: the invoice, the operator's id, …
    public let cause: String
    /// Negative where it takes away; a revocation is positive where it gives back what one before
    /// it took, or carries it over as a debt.
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
