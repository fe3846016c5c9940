import Ledger
import Values

extension KeyedWorld.Said {
    var kind: String { String("\(self)".prefix { $0 != "(" }) }

    init(_ outcome: ValidateKeyedUsage.Outcome) {
        switch outcome {
        case .invalidKey: self = .invalidKey
        case .foreignKey: self = .foreignKey
        case .barred(let barrier): self = .barred(barrier)
        case .keyLimitReached(let refusal, _): self = .keyLimitReached(used: refusal.used.micros)
        case .judged(.granted(let grant, _), let isTest):
            self = .granted(isReplay: grant.isReplay, isTest: isTest)
        case .judged(.denied(.requestAlreadyFinished(_, let status), _), _):
            self = .finished(status)
        case .judged(.denied(.requestMismatch, _), _): self = .mismatch
        case .judged(.denied(.quotaExceeded, _), _): self = .outOfCredits
        case .judged(let other, _): self = .other("\(other)")
        }
    }

    init(_ outcome: ExtendKeyedHold.Outcome) {
        switch outcome {
        case .invalidKey: self = .invalidKey
        case .barred(let barrier, _): self = .barred(barrier)
        case .keyLimitReached(let refusal, _): self = .keyLimitReached(used: refusal.used.micros)
        case .judged(.done(let state, _, _)):
            self = .raised(held: state.creditsReserved.micros)
        case .judged(.refused(.alreadyEnded, _)): self = .ended
        case .judged(.refused(.quotaExceeded, _)): self = .outOfCredits
        case .judged(let other): self = .other("\(other)")
        }
    }

    init(_ outcome: CommitUsage.Outcome) {
        switch outcome {
        case .applied(_, let charged, _, _, _, _): self = .settled(charged: charged.micros)
        case .refused(let status, _): self = .refused(status)
        default: self = .other("\(outcome)")
        }
    }
}
