import FoundationEssentials
import Values

/// Takes the acceptance of a commit back, where its message is thrown away: the reservation lasts
/// as long as it would have without the commit, and is given back at once where that time is over.
public struct WithdrawCommit: LedgerCommand {
    /// The commit that was accepted. Another's acceptance, or one of another outcome, stays.
    public let commit: CommitUsage

    public init(_ commit: CommitUsage) {
        self.commit = commit
    }

    public var userID: UUID { commit.userID }
    public var subject: LedgerSubject? { commit.subject }
    public var seesSubscription: Bool { false }

    public enum Outcome: Sendable, Equatable {
        /// No such commit is waiting; nothing has changed.
        case notWaiting
        /// The log's status afterwards: PENDING or EXPIRED.
        case withdrawn(UsageLog.Status)
    }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard var log = position.log, log.key.userID == userID, var account = position.account,
            log.status == .pending, log.commitAcceptedAs == commit.result.status
        else { return Decision(.notWaiting, account: position.account) }
        log.commitAcceptedAt = nil
        log.commitAcceptedAs = nil
        log.commitAcceptedCredits = nil
        if log.isOverdue(at: now) { log = account.expire(log) }
        var decision = Decision<Outcome>(.withdrawn(log.status), account: account)
        decision.logs = [log]
        return decision
    }
}
