import FoundationEssentials
import Values

/// May this user run this feature now? Subscription, rate limits, idempotency, quota, the
/// user's own limits, in this order; then a reservation. One atomic decision.
public struct ValidateUsage: LedgerCommand {
    public let key: IdempotencyKey
    public let featureKey: String
    public let call: UsageLog.Call
    /// How long the hold is to last; `nil`: `RESERVATION_TTL`, or the feature's maximum if that is
    /// less.
    public let holdSeconds: Int64?
    /// The running call out of whose hold this one's is taken; `nil`: out of the balance.
    public let parent: UUID?
    /// Makes the new log's id unique; a rule draws no random numbers.
    public let randomness: UInt64

    public init(
        key: IdempotencyKey, featureKey: String, call: UsageLog.Call, holdSeconds: Int64? = nil,
        parent: UUID? = nil, randomness: UInt64
    ) {
        self.key = key
        self.holdSeconds = holdSeconds
        self.parent = parent
        self.featureKey = featureKey
        self.call = call
        self.randomness = randomness
    }

    public var userID: UUID { key.userID }
    public var subject: LedgerSubject? { .key(key) }
    public var seesSubscription: Bool { false }

    public enum Outcome: Sendable, Equatable {
        case unknownUser
        case deactivatedUser
        /// The feature is not in the catalog.
        case unknownFeature
        /// There is no such call, or it is another user's, or one of the two calls is a test.
        case unknownParent
        /// A hold of the feature lasts at most so many seconds.
        case holdTooLong(maximum: Int64)
        /// The announced tokens cost more than any amount may be.
        case priceOutOfBounds
        case denied(Denial, [RateLimitStanding])
        case granted(Grant, [RateLimitStanding])
    }

    public struct Grant: Sendable, Equatable {
        public let usageID: UUID
        public let creditsReserved: Credits
        public let expiresAt: Timestamp
        /// Whether the reservation was made by an earlier request that this one repeats.
        public let isReplay: Bool

        public var code: Code { isReplay ? .replayed : .reserved }
    }

    public enum Denial: Sendable, Equatable {
        case noSubscription
        case subscriptionInactive
        case rateLimited(retryAfter: Int64)
        /// How the call ended, also by a commit that was accepted and is not applied yet.
        case requestAlreadyFinished(usageID: UUID, UsageLog.Status)
        case requestMismatch(usageID: UUID, UsageLog.Status)
        case quotaExceeded(used: Credits, limit: Credits, needed: Credits, retryAfter: Int64)
        case spendingLimitReached(SpendingRefusal)
        /// The parent has ended, also by a commit that was accepted and is not applied yet.
        case parentEnded(UsageLog.Status)
        /// The parent's free part is less than is needed.
        case parentHoldExceeded(free: Credits, needed: Credits)

        public var code: Code {
            switch self {
            case .noSubscription: .noSubscription
            case .subscriptionInactive: .subscriptionInactive
            case .rateLimited: .rateLimited
            case .requestAlreadyFinished: .requestAlreadyFinished
            case .requestMismatch: .requestMismatch
            case .quotaExceeded: .quotaExceeded
            case .spendingLimitReached: .spendingLimitReached
            case .parentEnded: .parentEnded
            case .parentHoldExceeded: .parentHoldExceeded
            }
        }
    }

    /// The decision in one word, on the wire and in metrics alike.
    public enum Code: String, CaseIterable, Sendable {
        case reserved
        case replayed
        case noSubscription = "no_subscription"
        case subscriptionInactive = "subscription_inactive"
        case rateLimited = "rate_limited"
        case requestAlreadyFinished = "request_already_finished"
        case requestMismatch = "request_mismatch"
        case quotaExceeded = "quota_exceeded"
        case spendingLimitReached = "spending_limit_reached"
        case parentEnded = "parent_ended"
        case parentHoldExceeded = "parent_hold_exceeded"
    }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        switch position.user {
        case .missing: return Decision(.unknownUser, account: position.account)
        case .deactivated: return Decision(.deactivatedUser, account: position.account)
        case .active: break
        }
        guard let feature = rules.catalog.features[featureKey] else {
            return Decision(.unknownFeature, account: position.account)
        }
        let maximum = feature.maximumHoldSeconds ?? rules.reservationTTL
        if let holdSeconds, holdSeconds > maximum {
            return Decision(.holdTooLong(maximum: maximum), account: position.account)
        }
        let isTest = position.key?.caller.isTest ?? false
        // To a test a call that is none is as if it were another's, and the other way round.
        if let parent, position.account?.lenders[parent]?.key.isTest != isTest {
            return Decision(.unknownParent, account: position.account)
        }
        guard var account = position.account else {
            return Decision(.denied(.noSubscription, []), account: nil)
        }
        guard let plan = rules.catalog.plan(account.subscription.planID),
            let terms = rules.catalog.terms(of: featureKey, on: plan)
        else {
            return Decision(.denied(.subscriptionInactive, []), account: account)
        }
        guard
            let price = terms.isHeldByEstimate ? terms.held(for: call.announced) : terms.minimum
        else { return Decision(.priceOutOfBounds, account: account) }
        // A test call costs nothing.
        let cost = isTest ? .zero : price
        var decision = Decision<Outcome>(.unknownFeature, account: nil)
        for log in position.overdue { decision.logs.append(account.expire(log)) }
        decision.grants = account.startPeriodIfDue(rules, at: now)
        let known = position.log.map { log in decision.logs.first { $0.id == log.id } ?? log }

        let windowsAt = account.context.windowsAt(now, clock: position.clock)
        if let denial = denial(
            account, plan, known: known, cost: cost, rules, position, at: now,
            windowsAt: windowsAt)
        {
            let limits = account.context.rateLimits(
                plan.pricing, ofTests: isTest, at: windowsAt)
            decision.outcome = .denied(denial, limits)
        } else {
            var log =
                known
                ?? reserve(
                    cost, isTest: isTest, in: &account, rules, at: now, windowsAt: windowsAt)
            if known == nil {
                log.expiresAt = now.adding(
                    seconds: holdSeconds ?? min(maximum, rules.reservationTTL))
                if terms.areOwn, !isTest {
                    log.pin = CatalogPin(revision: rules.catalog.revision, planID: plan.id)
                }
                decision.logs.append(log)
            }
            let grant = Grant(
                usageID: log.id, creditsReserved: log.creditsHeld, expiresAt: log.expiresAt,
                isReplay: known != nil)
            decision.outcome = .granted(
                grant, account.context.rateLimits(plan.pricing, ofTests: isTest, at: windowsAt))
        }
        // Refusals and replays leave the account as it was, so that they cost no write.
        if !decision.grants.isEmpty { account.context.decidedAt = now }
        decision.account = account
        return decision
    }

    /// The first rule that forbids the call, in the order of the contract.
    private func denial(
        _ account: Account, _ plan: Plan, known: UsageLog?, cost: Credits, _ rules: LedgerRules,
        _ position: Position, at now: Timestamp, windowsAt: Timestamp
    ) -> Denial? {
        let clock = position.clock
        guard account.isEntitled(at: now, grace: rules.pastDueGrace) else {
            return .subscriptionInactive
        }
        let context = account.context
        let isTest = position.key?.caller.isTest ?? false
        let full = context.windows(ofTests: isTest)
            .map { $0.current(at: windowsAt) }
            .filter { $0.isFull(limit: plan.pricing.limit($0.span)) }
        if let reset = full.map(\.resetAt).max() {
            return .rateLimited(retryAfter: clock.secondsRoundedUp(until: reset))
        }
        if let known {
            let status = known.status(at: now)
            if !known.featureKey.utf8.elementsEqual(featureKey.utf8) || known.parentID != parent {
                return .requestMismatch(usageID: known.id, status)
            }
            if status != .pending { return .requestAlreadyFinished(usageID: known.id, status) }
            // A commit that was accepted for later has ended the call, though it is not applied
            // yet.
            return known.commitAcceptedAs.map {
                .requestAlreadyFinished(usageID: known.id, $0)
            }
        }
        if let parent = parent.flatMap({ account.lenders[$0] }) {
            return denial(by: parent, cost: cost, at: now)
        }
        // What costs nothing needs nothing.
        if isTest { return nil }
        if cost > account.available(at: now, grace: rules.pastDueGrace) {
            let reset = rules.quotaReturns(to: account, at: now)
            return .quotaExceeded(
                used: context.used + context.reserved,
                limit: context.allocated + account.availableOfGrants(at: now), needed: cost,
                retryAfter: clock.secondsRoundedUp(until: reset))
        }
        return context.spendingRefusal(
            of: cost, freed: account.freed, at: now, clock: clock
        ).map { .spendingLimitReached($0) }
    }

    /// What is held of a parent has been judged when the parent held it: neither the quota nor the
    /// user's limits are asked again.
    private func denial(by parent: UsageLog, cost: Credits, at now: Timestamp) -> Denial? {
        let status = parent.status(at: now)
        guard status == .pending, parent.mayLend else {
            return .parentEnded(parent.commitAcceptedAs ?? status)
        }
        guard cost > parent.creditsHeld else { return nil }
        return .parentHoldExceeded(free: parent.creditsHeld, needed: cost)
    }

    private func reserve(
        _ cost: Credits, isTest: Bool, in account: inout Account, _ rules: LedgerRules,
        at now: Timestamp, windowsAt: Timestamp
    ) -> UsageLog {
        account.context.decidedAt = now
        account.context.countCall(isTest: isTest, at: windowsAt)
        var key = key
        key.isTest = isTest
        var log = UsageLog(
            id: .version7(at: now, randomness: randomness), key: key,
            subscriptionID: account.subscription.id,
            periodNumber: account.context.period.number, featureKey: featureKey, call: call,
            creditsReserved: .zero, createdAt: now, expiresAt: now, status: .pending,
            creditsCharged: nil, committedAt: nil, commitAcceptedAt: nil, commitAcceptedAs: nil,
            metrics: UsageLog.Metrics(), failure: nil, parentID: parent)
        account.take(cost, for: &log, at: now, grace: rules.pastDueGrace)
        log.creditsReserved = cost
        return log
    }
}
