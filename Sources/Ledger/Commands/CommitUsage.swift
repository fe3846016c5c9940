import FoundationEssentials
import Values

/// How the call ended: PENDING becomes SUCCESS, which charges what was reserved, or FAILED, which
/// gives it back. Repeating a commit changes nothing; contradicting one is refused.
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
    /// When the commit was accepted, where that was before it is decided: a commit from a queue
    /// is judged by this time.
    public let acceptedAt: Timestamp?

    public init(
        userID: UUID, usageID: UUID, result: Result, metrics: UsageLog.Metrics,
        acceptedAt: Timestamp? = nil
    ) {
        self.userID = userID
        self.usageID = usageID
        self.result = result
        self.metrics = metrics
        self.acceptedAt = acceptedAt
    }

    public var subject: LedgerSubject? { .id(usageID) }
    public var seesSubscription: Bool { false }

    public enum Outcome: Sendable, Equatable {
        case unknownUsage
        /// The log is another user's.
        case notTheirs
        /// Applied now, or already applied with the same result. `alert` is what the user is to
        /// be told of it, in the same database transaction.
        case applied(
            UsageLog.Status, charged: Credits, isReplay: Bool, alert: CreditAlert? = nil)
        /// The call had already ended otherwise, or a commit was accepted that says so; nothing
        /// has changed.
        case refused(UsageLog.Status, charged: Credits)
    }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard var log = position.log else {
            return Decision(.unknownUsage, account: position.account)
        }
        guard log.key.userID == userID, var account = position.account else {
            return Decision(.notTheirs, account: position.account)
        }
        let charged = log.creditsCharged ?? .zero
        if log.status == result.status {
            return Decision(
                .applied(log.status, charged: charged, isReplay: true), account: account)
        }
        if log.isOverdue(at: min(now, acceptedAt ?? now)) {
            var decision = Decision<Outcome>(.refused(.expired, charged: .zero), account: nil)
            decision.logs = [account.expire(log)]
            decision.account = account
            return decision
        }
        guard log.status == .pending else {
            return Decision(
                .refused(log.status, charged: charged), account: position.account)
        }
        // What was accepted for later stands, though it is not applied yet.
        if let accepted = log.commitAcceptedAs, accepted != result.status {
            return Decision(
                .refused(accepted, charged: accepted == .success ? log.creditsReserved : .zero),
                account: position.account)
        }
        settle(&log, in: &account, at: now)
        var decision = Decision<Outcome>(
            .applied(
                log.status, charged: log.creditsCharged ?? .zero, isReplay: false,
                alert: position.account.flatMap {
                    CreditAlert(from: $0.context, to: account.context)
                }),
            account: account)
        decision.logs = [log]
        return decision
    }

    /// A log of an earlier period is settled for itself; the running period's counters are not
    /// its own.
    private func settle(_ log: inout UsageLog, in account: inout Account, at now: Timestamp) {
        let isOfRunningPeriod = log.periodNumber == account.context.period.number
        account.context.decidedAt = now
        log.committedAt = now
        if let acceptedAt, log.commitAcceptedAt == nil {
            // Of a commit that came by a queue alone: why it is in time although it is late.
            log.commitAcceptedAt = min(max(acceptedAt, log.createdAt), now)
            log.commitAcceptedAs = result.status
        }
        log.metrics = metrics
        log.status = result.status
        if isOfRunningPeriod { account.context.reserved -= log.creditsReserved }
        switch result {
        case .success:
            log.creditsCharged = log.creditsReserved
            if isOfRunningPeriod { account.context.used += log.creditsReserved }
        case .failure(let failure):
            log.failure = failure
        }
    }
}
