import FoundationEssentials
import Values

/// How the call ended: PENDING becomes SUCCESS, which charges what it cost, at most what is held,
/// or FAILED, which gives back what was not charged in parts. Repeating a commit changes nothing;
/// contradicting one is refused.
public struct CommitUsage: LedgerCommand {
    public enum Result: Sendable, Hashable {
        case success
        case failure(UsageLog.Failure)

        var status: UsageLog.Status { self == .success ? .success : .failed }
    }

    public let userID: UUID
    public let usageID: UUID
    public let result: Result
    public let metrics: UsageLog.Metrics
    /// What is to be charged of a success, beside what was charged in parts; `nil`: what the tokens
    /// cost, or all that is held.
    public let credits: Credits?
    /// When the commit was accepted, where that was before it is decided: a commit from a queue
    /// is judged by this time.
    public let acceptedAt: Timestamp?
    /// Whether the call was made with a key, whose limit then bounds what is charged beyond the
    /// hold.
    public let isByKey: Bool

    public init(
        userID: UUID, usageID: UUID, result: Result, metrics: UsageLog.Metrics,
        credits: Credits? = nil, acceptedAt: Timestamp? = nil, isByKey: Bool = false
    ) {
        self.userID = userID
        self.usageID = usageID
        self.result = result
        self.metrics = metrics
        self.credits = credits
        self.acceptedAt = acceptedAt
        self.isByKey = isByKey
    }

    public var subject: LedgerSubject? { .id(usageID) }
    public var seesSubscription: Bool { false }
    public var keyOfLog: KeyOfLogNeed {
        guard isByKey, result == .success else { return .never }
        return .ofCommit(namesCredits: credits != nil, namesTokens: metrics.usedTokens != nil)
    }

    public enum Outcome: Sendable, Equatable {
        case unknownUsage
        /// The log is another user's.
        case notTheirs
        /// The tokens cost more than any amount may be.
        case priceOutOfBounds
        /// Applied now, or already applied with the same result. `charged` is the whole call's,
        /// parts included; `notCharged` what it took that was not to be had. `alert` is what the
        /// user is to be told of it, in the same database transaction.
        case applied(
            UsageLog.Status, charged: Credits, isReplay: Bool, alert: CreditAlert? = nil,
            notCharged: Credits = .zero, isLate: Bool = false)
        /// The call had already ended otherwise, or a commit was accepted that says so; nothing
        /// has changed.
        case refused(UsageLog.Status, charged: Credits)
    }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard let log = position.log else {
            return Decision(.unknownUsage, account: position.account)
        }
        guard log.key.userID == userID, let account = position.account else {
            return Decision(.notTheirs, account: position.account)
        }
        if log.status == result.status {
            return Decision(
                .applied(
                    log.status, charged: log.creditsCharged ?? .zero, isReplay: true,
                    notCharged: log.creditsNotCharged, isLate: log.isLate), account: account)
        }
        let instant = min(now, acceptedAt ?? now)
        if log.status == .expired || log.isOverdue(at: instant) {
            return LateCommit(self, judgedAt: instant).decide(log, account, position, rules, now)
        }
        guard log.status == .pending else {
            return Decision(
                .refused(log.status, charged: log.creditsCharged ?? .zero), account: account)
        }
        // What was accepted for later stands, though it is not applied yet.
        if let accepted = log.commitAcceptedAs, accepted != result.status {
            return Decision(
                .refused(accepted, charged: log.chargedOnceApplied), account: account)
        }
        let charge = charge(for: log, rules)
        if charge == .outOfBounds { return Decision(.priceOutOfBounds, account: account) }
        return settle(log, charge, in: account, position, rules, at: now)
    }

    public static func outcome(
        _ outcome: Outcome, telling news: ChargeNews, of context: CareerSubscriptionContext
    ) -> Outcome {
        guard
            case .applied(let status, let charged, let isReplay, let alert, let rest, let isLate) =
                outcome
        else { return outcome }
        return .applied(
            status, charged: charged, isReplay: isReplay,
            alert: CreditAlert(alert, news, of: context), notCharged: rest,
            isLate: isLate)
    }

    /// What a success is to be charged. What was accepted for later stands.
    func charge(for log: UsageLog, _ rules: LedgerRules) -> CallCharge {
        if log.key.isTest { return .credits(.zero) }
        if log.commitAcceptedAs == .success {
            return log.commitAcceptedCredits.map { .credits($0) } ?? .rest
        }
        guard result == .success else { return .rest }
        return credits.map { .credits($0) } ?? rules.charge(for: metrics, of: log)
    }

    private func settle(
        _ log: UsageLog, _ charge: CallCharge, in account: Account, _ position: Position,
        _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        var (log, account) = (log, account)
        var decision = Decision<Outcome>(.unknownUsage, account: nil)
        account.context.decidedAt = now
        note(on: &log, charge, at: now)
        let wanted = charge.credits(of: log.creditsHeld)
        let isOverused =
            result == .success && wanted > log.creditsHeld
            && rules.terms(of: log)?.feature.overuse == .ifAvailable
        // What lapsed gives back before this does: it may be the call's parent.
        if isOverused || log.parentID != nil {
            decision.logs = position.overdue.filter { $0.id != log.id }
                .map { account.expire($0) }
        }
        switch result {
        case .success:
            if isOverused {
                decision.grants = account.startPeriodIfDue(rules, at: now)
                let room = account.context.spendingRoom(freed: account.freed, at: now)
                account.raise(
                    &log, to: wanted, limit: room,
                    ofKey: position.keyRoom(for: log, in: account), rules, at: now)
            }
            let charged = min(wanted, log.creditsHeld)
            log.creditsInParts = log.creditsCharged ?? .zero
            account.charge(charged, of: &log)
            account.release(&log, at: now)
            log.creditsNotCharged = wanted - charged
        case .failure(let failure):
            account.release(&log, at: now)
            log.failure = failure
        }
        log.status = result.status
        decision.logs.append(log)
        decision.account = account
        decision.outcome = .applied(
            log.status, charged: log.creditsCharged ?? .zero, isReplay: false,
            alert: position.account.flatMap {
                CreditAlert(from: $0.context, to: account.context)
            }, notCharged: log.creditsNotCharged)
        return decision
    }

    private func note(on log: inout UsageLog, _ charge: CallCharge, at now: Timestamp) {
        log.committedAt = now
        if let acceptedAt, log.commitAcceptedAt == nil {
            // Of a commit that came by a queue alone: why it is in time although it is late.
            log.commitAcceptedAt = min(max(acceptedAt, log.createdAt), now)
            log.commitAcceptedAs = result.status
            log.commitAcceptedCredits = result == .success ? charge.credits : nil
        }
        log.metrics.add(metrics)
    }
}

extension CallCharge {
    /// The amount; `nil`: all that is held.
    var credits: Credits? {
        if case .credits(let credits) = self { credits } else { nil }
    }

    func credits(of held: Credits) -> Credits { credits ?? held }
}

extension UsageLog {
    /// What the call will have been charged once the commit that was accepted is applied, as far as
    /// its hold goes.
    fileprivate var chargedOnceApplied: Credits {
        let before = creditsCharged ?? .zero
        guard commitAcceptedAs == .success else { return before }
        return before + min(commitAcceptedCredits ?? creditsHeld, creditsHeld)
    }
}

extension Account {
    /// Holds what a call took beyond its hold, as far as the account, or its parent, has it.
    fileprivate mutating func raise(
        _ log: inout UsageLog, to wanted: Credits, limit: Credits?, ofKey keyRoom: Credits?,
        _ rules: LedgerRules, at now: Timestamp
    ) {
        let grace = rules.pastDueGrace
        guard isEntitled(at: now, grace: grace) else { return }
        let room = room(for: log, limit: limit, ofKey: keyRoom, at: now, grace: grace)
        let more = min(wanted - log.creditsHeld, room)
        take(more, for: &log, at: now, grace: grace)
        log.creditsReserved += more
        log.creditsOverused += more
    }
}
