import FoundationEssentials
import Values

/// A commit of a call whose hold has expired. A success within the feature's `late_commit_seconds`,
/// and within the hold's period, is charged from what is there now, at most what was held; what is
/// not there is noted, not owed. Of a call that had a parent only what the parent has free is
/// there. Anything else is refused.
struct LateCommit {
    let commit: CommitUsage
    /// The instant at which the commit was accepted, or is decided.
    let instant: Timestamp

    init(_ commit: CommitUsage, judgedAt instant: Timestamp) {
        self.commit = commit
        self.instant = instant
    }

    func decide(
        _ log: UsageLog, _ account: Account, _ position: Position, _ rules: LedgerRules,
        _ now: Timestamp
    ) -> Decision<CommitUsage.Outcome> {
        var (log, account) = (log, account)
        var decision = Decision<CommitUsage.Outcome>(.unknownUsage, account: nil)
        let isNoted = log.status == .expired
        if !isNoted { log = account.expire(log) }
        if mayBeLate(log, rules) {
            decision.logs = position.overdue.filter { $0.id != log.id }
                .map { account.expire($0) }
            decision.grants = account.startPeriodIfDue(rules, at: now)
        }
        if isInTime(log, account, rules, at: now) {
            let charge = commit.charge(for: log, rules)
            if charge == .outOfBounds {
                return Decision(.priceOutOfBounds, account: position.account)
            }
            let room = account.context.spendingRoom(freed: account.freed, at: now)
            settle(
                &log, charge, in: &account, limit: room,
                ofKey: position.keyRoom(for: log, in: account), rules, at: now)
            decision.logs.append(log)
            decision.outcome = .applied(
                .success, charged: log.creditsCharged ?? .zero, isReplay: false,
                alert: position.account.flatMap {
                    CreditAlert(from: $0.context, to: account.context)
                }, notCharged: log.creditsNotCharged, isLate: true)
        } else {
            if !isNoted { decision.logs.append(log) }
            if !decision.grants.isEmpty { account.context.decidedAt = now }
            decision.outcome = .refused(.expired, charged: log.creditsCharged ?? .zero)
        }
        decision.account = account
        return decision
    }

    private func mayBeLate(_ log: UsageLog, _ rules: LedgerRules) -> Bool {
        let late = rules.terms(of: log)?.feature.lateCommitSeconds ?? 0
        return commit.result == .success && instant < log.expiresAt.adding(seconds: late)
    }

    private func isInTime(
        _ log: UsageLog, _ account: Account, _ rules: LedgerRules, at now: Timestamp
    ) -> Bool {
        mayBeLate(log, rules) && log.periodNumber == account.context.period.number
            && account.isEntitled(at: now, grace: rules.pastDueGrace)
    }

    private func settle(
        _ log: inout UsageLog, _ charge: CallCharge, in account: inout Account,
        limit: Credits?, ofKey keyRoom: Credits?, _ rules: LedgerRules, at now: Timestamp
    ) {
        let grace = rules.pastDueGrace
        let held = log.creditsKept
        let wanted = charge.credits(of: held)
        let charged = min(
            wanted, held,
            account.room(for: log, limit: limit, ofKey: keyRoom, at: now, grace: grace))
        account.context.decidedAt = now
        log.creditsInParts = log.creditsCharged ?? .zero
        account.take(charged, for: &log, at: now, grace: grace)
        account.charge(charged, of: &log)
        log.status = .success
        log.isLate = true
        log.committedAt = now
        log.metrics.add(commit.metrics)
        log.creditsNotCharged = wanted - charged
    }
}
