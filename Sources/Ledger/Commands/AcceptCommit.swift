import FoundationEssentials
import Values

/// Takes a commit in for later: from now on the log does not expire, the commit is judged by this
/// instant, however slow its queue is, and no other commit may contradict it.
public struct AcceptCommit: LedgerCommand {
    public let commit: CommitUsage

    public init(_ commit: CommitUsage) {
        self.commit = commit
    }

    public var userID: UUID { commit.userID }
    public var subject: LedgerSubject? { commit.subject }
    public var seesSubscription: Bool { false }

    public enum Outcome: Sendable, Equatable {
        /// To be enqueued, in the same database transaction; a repetition too, since the first
        /// message may lie among the dead letters. `charged` is what parts have cost until now.
        case accepted(charged: Credits)
        /// Nothing is left to do later: this is how the commit ends.
        case settled(CommitUsage.Outcome)
    }

    public static func outcome(
        _ outcome: Outcome, telling news: ChargeNews, of context: CareerSubscriptionContext
    ) -> Outcome {
        guard case .settled(let commit) = outcome else { return outcome }
        return .settled(CommitUsage.outcome(commit, telling: news, of: context))
    }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        let status = commit.result.status
        let charge = position.log.map { commit.charge(for: $0, rules) }
        guard var log = position.log, log.key.userID == userID, log.status == .pending,
            !log.isOverdue(at: now), log.commitAcceptedAs ?? status == status,
            let charge, charge != .outOfBounds
        else {
            // Unknown, another's, over, accepted otherwise or out of bounds: the commit itself says
            // which, and changes no more than it would.
            let decision = commit.decide(position, rules, at: now)
            var settled = Decision<Outcome>(.settled(decision.outcome), account: decision.account)
            settled.logs = decision.logs
            settled.grants = decision.grants
            return settled
        }
        var decision = Decision<Outcome>(
            .accepted(charged: log.creditsCharged ?? .zero), account: position.account)
        if log.commitAcceptedAt == nil {
            log.commitAcceptedAt = now
            log.commitAcceptedAs = status
            // What children give back after this instant is not the commit's.
            let rest = log.creditsLent > .zero ? log.creditsHeld : nil
            log.commitAcceptedCredits = status == .success ? charge.credits ?? rest : nil
            decision.logs = [log]
        }
        return decision
    }
}
