import FoundationEssentials
import Values

/// The kill switch: the call ends as FAILED, what it holds is given back, and nothing makes it end
/// otherwise. What was charged in parts stays charged. With it end all calls that run below it, but
/// for those whose commit was accepted; so they do if the call itself has lapsed.
public struct CancelUsage: LedgerCommand {
    /// What a canceled call failed of.
    static let failure = UsageLog.Failure(type: .canceled, reason: "The call was canceled.")

    public let userID: UUID
    public let usageID: UUID

    public init(userID: UUID, usageID: UUID) {
        self.userID = userID
        self.usageID = usageID
    }

    public typealias Outcome = HoldOutcome
    public var subject: LedgerSubject? { .id(usageID) }
    public var seesSubscription: Bool { false }
    public var seesFamily: Bool { true }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        switch OpenHold.find(position, of: userID, request: nil, at: now) {
        case .failure(let settled):
            guard case .refused(.alreadyEnded, let state) = settled.decision.outcome,
                [.failed, .expired].contains(state.status), var account = settled.decision.account
            else { return settled.decision }
            var decision = settled.decision
            // What has failed, or is to, is as good as canceled.
            if state.status == .failed { decision.outcome = .done(state, isReplay: true) }
            guard !position.family.isEmpty else { return decision }
            // What lapsed after it gives back before what still runs does.
            decision.logs += position.overdue.filter { $0.id != usageID }
                .map { account.expire($0) }
            let stopped = account.cancel(position.family, at: now)
            if !stopped.isEmpty { account.context.decidedAt = now }
            decision.logs += stopped
            decision.account = account
            return decision
        case .success(let hold):
            var account = hold.account
            account.context.decidedAt = now
            var stopped = account.cancel(position.family, at: now)
            let log = account.cancel(account.lenders[usageID] ?? hold.log, at: now)
            stopped.append(log)
            var decision = Decision<Outcome>(
                .done(HoldState(log, at: now), isReplay: false), account: account)
            decision.logs = stopped
            return decision
        }
    }
}

extension Account {
    /// Ends a call that is running.
    fileprivate mutating func cancel(_ log: UsageLog, at now: Timestamp) -> UsageLog {
        var log = log
        release(&log, at: now)
        log.status = .failed
        log.committedAt = now
        log.failure = CancelUsage.failure
        if lenders[log.id] != nil { lenders[log.id] = log }
        return log
    }

    /// Ends calls in their order, so that those who come first give back to those who follow. One
    /// whose commit was accepted stays.
    fileprivate mutating func cancel(_ family: [UUID], at now: Timestamp) -> [UsageLog] {
        var ended: [UsageLog] = []
        for id in family {
            guard let log = lenders[id], log.mayLend else { continue }
            ended.append(cancel(log, at: now))
        }
        return ended
    }
}
