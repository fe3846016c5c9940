import FoundationEssentials
import Values

/// A call that ran while the service could not be asked, told afterwards: it is charged at most
/// what can be drawn now within the user's own limits, once by its key; the rest is noted, not
/// owed. Where validate had reached the ledger after all, the call is that one, and this is its
/// commit.
public struct RecordUsage: LedgerCommand {
    /// How long ago a call may have run at most, in seconds.
    public static let longestAgo: Int64 = 86_400
    /// How far the tool server's clock may be ahead, in seconds.
    public static let mostAhead: Int64 = 300

    public let key: IdempotencyKey
    public let featureKey: String
    public let ranAt: Timestamp
    public let metrics: UsageLog.Metrics
    /// How long ago it may have run, in seconds.
    public let within: Int64
    /// Makes the new log's id unique; a rule draws no random numbers.
    public let randomness: UInt64

    public init(
        key: IdempotencyKey, featureKey: String, ranAt: Timestamp, metrics: UsageLog.Metrics,
        within: Int64 = Self.longestAgo, randomness: UInt64
    ) {
        self.key = key
        self.featureKey = featureKey
        self.ranAt = ranAt
        self.metrics = metrics
        self.within = within
        self.randomness = randomness
    }

    public var userID: UUID { key.userID }
    public var subject: LedgerSubject? { .key(key) }
    public var seesSubscription: Bool { false }

    public enum Outcome: Sendable, Equatable {
        case unknownUser
        /// The feature is not in the catalog.
        case unknownFeature
        case noSubscription
        /// The tokens cost more than any amount may be.
        case priceOutOfBounds
        /// It ran longer ago than may be told, or later than now.
        case notOfThisDay
        /// The same request was sent for another feature.
        case requestMismatch(usageID: UUID, UsageLog.Status)
        /// Charged now or before, or refused, as a commit of the call is.
        case told(usageID: UUID, CommitUsage.Outcome)
    }

    public static func outcome(
        _ outcome: Outcome, telling news: ChargeNews, of context: CareerSubscriptionContext
    ) -> Outcome {
        guard case .told(let usageID, let commit) = outcome else { return outcome }
        return .told(
            usageID: usageID, CommitUsage.outcome(commit, telling: news, of: context))
    }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        if position.user == .missing { return Decision(.unknownUser, account: position.account) }
        // A call that is known has its own terms, whatever the catalog says by now.
        if let log = position.log, position.account != nil {
            return commit(log, position, rules, at: now)
        }
        guard rules.catalog.features[featureKey] != nil else {
            return Decision(.unknownFeature, account: position.account)
        }
        guard let account = position.account,
            let plan = rules.catalog.plan(account.subscription.planID),
            let terms = rules.catalog.terms(of: featureKey, on: plan)
        else { return Decision(.noSubscription, account: position.account) }
        let sooner = position.clock.adding(seconds: -within)
        guard ranAt >= sooner, ranAt <= position.clock.adding(seconds: Self.mostAhead) else {
            return Decision(.notOfThisDay, account: account)
        }
        guard let wanted = price(terms) else {
            return Decision(.priceOutOfBounds, account: account)
        }
        return record(wanted, plan, terms, position, rules, at: now)
    }

    private func commit(
        _ log: UsageLog, _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard log.featureKey.utf8.elementsEqual(featureKey.utf8) else {
            return Decision(
                .requestMismatch(usageID: log.id, log.status(at: now)), account: position.account)
        }
        let commit = CommitUsage(
            userID: userID, usageID: log.id, result: .success, metrics: metrics)
        let decided = commit.decide(position, rules, at: now)
        var decision = Decision<Outcome>(
            .told(usageID: log.id, decided.outcome), account: decided.account)
        decision.logs = decided.logs
        decision.grants = decided.grants
        return decision
    }

    /// What the call took: by its tokens, where the feature has prices of these; else what it would
    /// have held. `nil` if that is more than any amount may be.
    private func price(_ terms: CallTerms) -> Credits? {
        if let tokens = metrics.usedTokens,
            let price = terms.feature.settlingPrice(
                modelUsed: metrics.modelUsed, announced: nil)
        {
            return terms.price(of: tokens, by: price)
        }
        let announced = AnnouncedUsage(
            model: metrics.modelUsed, inputTokens: nil, inputChars: nil, maxOutputTokens: nil)
        return terms.isHeldByEstimate ? terms.held(for: announced) : terms.minimum
    }

    private func record(
        _ wanted: Credits, _ plan: Plan, _ terms: CallTerms, _ position: Position,
        _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard var account = position.account else { return Decision(.noSubscription, account: nil) }
        var decision = Decision<Outcome>(.noSubscription, account: nil)
        decision.logs = position.overdue.map { account.expire($0) }
        decision.grants = account.startPeriodIfDue(rules, at: now)
        let isOpen = account.isEntitled(at: now, grace: rules.pastDueGrace)
        let left = isOpen ? account.available(at: now, grace: rules.pastDueGrace) : .zero
        let room = account.context.spendingRoom(freed: account.freed, at: now) ?? left
        let charged = min(wanted, left, room)
        account.context.decidedAt = now
        account.context.countCall(
            isTest: false, at: account.context.windowsAt(now, clock: position.clock))
        var log = UsageLog(
            id: .version7(at: now, randomness: randomness), key: key,
            subscriptionID: account.subscription.id,
            periodNumber: account.context.period.number, featureKey: featureKey,
            call: UsageLog.Call(endpoint: "", method: "POST"), creditsReserved: .zero,
            createdAt: now, expiresAt: now.adding(seconds: 1), status: .pending,
            creditsCharged: nil, committedAt: nil, commitAcceptedAt: nil, commitAcceptedAs: nil,
            metrics: metrics, failure: nil)
        if terms.areOwn { log.pin = CatalogPin(revision: rules.catalog.revision, planID: plan.id) }
        account.hold(charged, for: &log, at: now, grace: rules.pastDueGrace)
        log.creditsReserved = charged
        account.charge(charged, of: &log)
        log.status = .success
        log.committedAt = now
        log.creditsNotCharged = wanted - charged
        decision.logs.append(log)
        decision.outcome = .told(
            usageID: log.id,
            .applied(
                .success, charged: charged, isReplay: false,
                alert: position.account.flatMap {
                    CreditAlert(from: $0.context, to: account.context)
                }, notCharged: log.creditsNotCharged))
        decision.account = account
        return decision
    }
}
