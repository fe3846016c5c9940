import FoundationEssentials

/// Takes a commit in for later: from now on the log does not expire, and the commit is judged by
/// this instant, however slow its queue is.
public struct AcceptCommit: LedgerCommand {
    public let commit: CommitUsage

    public init(_ commit: CommitUsage) {
        self.commit = commit
    }

    public var userID: UUID { commit.userID }
    public var subject: LedgerSubject? { commit.subject }

    public enum Outcome: Sendable, Equatable {
        /// To be enqueued, in the same database transaction.
        case accepted
        /// Nothing is left to do later: this is how the commit ends.
        case settled(CommitUsage.Outcome)
    }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard var log = position.log, log.key.userID == userID, log.status == .pending,
            !log.isOverdue(at: now)
        else {
            // Unknown, another's or over: the commit itself says which, and changes no more than
            // it would.
            let decision = commit.decide(position, rules, at: now)
            var settled = Decision<Outcome>(.settled(decision.outcome), account: decision.account)
            settled.logs = decision.logs
            return settled
        }
        var decision = Decision<Outcome>(.accepted, account: position.account)
        if log.commitAcceptedAt == nil {
            log.commitAcceptedAt = now
            decision.logs = [log]
        }
        return decision
    }
}
