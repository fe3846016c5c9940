import FoundationEssentials
import Values

/// Prolongs or raises the hold of a call that was made with an API key. Time alone is judged by the
/// log, whatever became of the key; a raise asks key, workspace and limit again. A repetition is
/// answered as the first time.
public struct ExtendKeyedHold: LedgerCommand {
    public let extend: ExtendHold

    public init(_ extend: ExtendHold) {
        self.extend = extend
    }

    public var userID: UUID { extend.userID }
    public var subject: LedgerSubject? { extend.subject }
    public var seesSubscription: Bool { false }
    public var step: HoldStep.Key? { extend.step }
    public var keyOfLog: KeyOfLogNeed { extend.raise != nil ? .always : .never }

    public enum Outcome: Sendable, Equatable {
        case invalidKey
        case barred(KeyOfCall.Barrier, HoldState)
        case keyLimitReached(KeyLimitRefusal, HoldState)
        case judged(HoldOutcome)
    }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        if let refusal = refusal(position, at: now) {
            return Decision(refusal, account: position.account)
        }
        let decided = extend.decide(position, rules, at: now)
        if extend.raise != nil, case .done(_, isReplay: false, _) = decided.outcome,
            let key = position.key, let account = decided.account, let log = position.log,
            let raised = decided.steps.first?.credits,
            !position.isJudged(for: key, with: log.parentID),
            let refusal = KeyLimitRefusal.judge(
                raised, by: key, position.keySpending, of: account, clock: position.clock)
        {
            return Decision(
                .keyLimitReached(refusal, HoldState(log, at: now)), account: position.account)
        }
        var decision = Decision<Outcome>(.judged(decided.outcome), account: decided.account)
        decision.grants = decided.grants
        decision.logs = decided.logs
        decision.steps = decided.steps
        return decision
    }

    /// Why no more may be held; `nil` if it may, or if it is not asked for of an open call.
    private func refusal(_ position: Position, at now: Timestamp) -> Outcome? {
        guard extend.raise != nil, position.step == nil, let log = position.log,
            log.key.userID == userID
        else { return nil }
        guard let key = position.key, key.isLive(at: position.clock) else { return .invalidKey }
        return key.barrier.map { .barred($0, HoldState(log, at: now)) }
    }

    public static func name(of outcome: Outcome) -> DecisionName {
        switch outcome {
        case .invalidKey: DecisionName("extend", "invalid_key")
        case .barred(.frozen, _): DecisionName("extend", "workspace_frozen")
        case .barred(.suspended, _): DecisionName("extend", "workspace_suspended")
        case .keyLimitReached: DecisionName("extend", "key_limit_reached")
        case .judged(let outcome): ExtendHold.name(of: outcome)
        }
    }
}
