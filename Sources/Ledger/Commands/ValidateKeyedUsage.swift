import FoundationEssentials
import Values

/// May a call with this API key run this feature now? The key and its workspace are asked first, so
/// that nobody learns anything by a key that is not good; then all that ``ValidateUsage`` asks, and
/// at last the key's own limit. One atomic decision.
public struct ValidateKeyedUsage: LedgerCommand {
    public let call: ValidateUsage
    /// Under each secret that hashes are made with.
    public let keyHashes: Set<KeyHash>

    /// - Parameter call: of the workspace's account; whether it is a test, its key says.
    public init(_ call: ValidateUsage, keyHashes: Set<KeyHash>) {
        self.call = call
        self.keyHashes = keyHashes
    }

    public var userID: UUID { call.userID }
    public var subject: LedgerSubject? { call.subject }
    public var seesSubscription: Bool { false }
    public var parent: UUID? { call.parent }

    public enum Outcome: Sendable, Equatable {
        /// There is no such key, or it is revoked or expired: one answer for all three.
        case invalidKey
        /// The key is another workspace's.
        case foreignKey
        case barred(KeyOfCall.Barrier)
        case keyLimitReached(KeyLimitRefusal, [RateLimitStanding])
        /// What the account's own rules say.
        case judged(ValidateUsage.Outcome, isTest: Bool)
    }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard let key = position.key, key.isLive(at: position.clock) else {
            return Decision(.invalidKey, account: position.account)
        }
        guard key.accountID == userID else {
            return Decision(.foreignKey, account: position.account)
        }
        if let barrier = key.barrier {
            return Decision(.barred(barrier), account: position.account)
        }
        let decided = call.decide(position, rules, at: now)
        if case .granted(let grant, let limits) = decided.outcome, !grant.isReplay,
            let account = decided.account,
            !position.isJudged(for: key, with: call.parent),
            let refusal = KeyLimitRefusal.judge(
                grant.creditsReserved, by: key, position.keySpending, of: account,
                clock: position.clock)
        {
            // Nothing but what had lapsed is kept: a month that was due the next decision finds.
            return Decision(
                .keyLimitReached(refusal, limits.map { $0.withOneMore() }),
                account: position.account)
        }
        var decision = Decision<Outcome>(
            .judged(decided.outcome, isTest: key.caller.isTest), account: decided.account)
        decision.grants = decided.grants
        decision.logs = decided.logs.map { log in
            log.id == decided.outcome.newUsageID ? log.with(caller: key.caller) : log
        }
        return decision
    }

    public static func name(of outcome: Outcome) -> DecisionName {
        switch outcome {
        case .invalidKey: DecisionName("validate", "invalid_key")
        case .foreignKey: DecisionName("validate", "foreign_key")
        case .barred(.frozen): DecisionName("validate", "workspace_frozen")
        case .barred(.suspended): DecisionName("validate", "workspace_suspended")
        case .keyLimitReached: DecisionName("validate", "key_limit_reached")
        case .judged(let outcome, _): ValidateUsage.name(of: outcome)
        }
    }
}

extension ValidateUsage.Outcome {
    /// The log that was made by this very decision.
    fileprivate var newUsageID: UUID? {
        guard case .granted(let grant, _) = self, !grant.isReplay else { return nil }
        return grant.usageID
    }
}

extension RateLimitStanding {
    /// As it stands without the call that is refused after all.
    fileprivate func withOneMore() -> RateLimitStanding {
        RateLimitStanding(
            span: span, limit: limit, remaining: min(limit, remaining + 1), resetAt: resetAt)
    }
}

extension Position {
    /// Whether what is taken of the parent's hold counts for the key's family already: it was
    /// judged when the parent held it.
    func isJudged(for key: KeyOfCall, with parent: UUID?) -> Bool {
        guard let parent, let caller = account?.lenders[parent]?.caller else { return false }
        return caller.familyID == key.caller.familyID
    }

    /// What the key's limit leaves for a call beside what that holds; `nil` if no limit binds it.
    ///
    /// - Parameters:
    ///   - log: the call as the decision has moved it: what its hold gave back by lapsing is free.
    ///   - account: as the decision leaves it.
    func keyRoom(for log: UsageLog, in account: Account) -> Credits? {
        guard let key, let limit = key.creditLimit, !key.caller.isTest,
            !isJudged(for: key, with: log.parentID)
        else { return nil }
        let period = account.context.period.number
        let freed = log.status == .expired && log.periodNumber == period ? self.log : nil
        let spent = keySpending?.total(inPeriod: period) ?? .zero
        return max(.zero, limit - (spent - (freed?.creditsHeld ?? .zero)))
    }
}
