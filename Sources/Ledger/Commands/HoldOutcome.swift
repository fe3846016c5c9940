import FoundationEssentials
import Values

/// What extending, capturing and canceling are answered with.
public enum HoldOutcome: Sendable, Equatable {
    case unknownUsage
    /// The log is another user's.
    case notTheirs
    /// An operator has locked the user out, who may not be made to spend more.
    case deactivatedUser
    /// A hold of the call's feature lasts at most so many seconds.
    case holdTooLong(maximum: Int64)
    /// The tokens cost more than any amount may be.
    case priceOutOfBounds
    /// Tokens were told of a call whose feature has a fixed price.
    case notPriced
    /// Done now, or done before by the same request. `alert` is what the user is to be told of it,
    /// in the same database transaction.
    case done(HoldState, isReplay: Bool, alert: CreditAlert? = nil)
    /// Nothing has changed, but for an expiry that had fallen due.
    case refused(HoldRefusal, HoldState)
}

public enum HoldRefusal: Sendable, Equatable {
    /// The call has ended, also by a commit that was accepted and is not applied yet.
    case alreadyEnded
    /// The name was given to another request before.
    case requestMismatch
    /// A part is larger than what is held.
    case holdExceeded
    case subscriptionInactive
    /// - Parameter retryAfter: seconds; `nil` if waiting does not help.
    case quotaExceeded(used: Credits, limit: Credits, needed: Credits, retryAfter: Int64?)
    case spendingLimitReached(SpendingRefusal)
    /// The call's parent has ended.
    case parentEnded
    /// The parent's free part is less than is needed.
    case parentHoldExceeded(free: Credits, needed: Credits)

    public var code: Code {
        switch self {
        case .alreadyEnded: .alreadyEnded
        case .requestMismatch: .requestMismatch
        case .holdExceeded: .holdExceeded
        case .subscriptionInactive: .subscriptionInactive
        case .quotaExceeded: .quotaExceeded
        case .spendingLimitReached: .spendingLimitReached
        case .parentEnded: .parentEnded
        case .parentHoldExceeded: .parentHoldExceeded
        }
    }

    /// The decision in one word, on the wire and in metrics alike.
    public enum Code: String, CaseIterable, Sendable {
        case extended
        case captured
        case canceled
        case alreadyEnded = "already_ended"
        case requestMismatch = "request_mismatch"
        case holdExceeded = "hold_exceeded"
        case subscriptionInactive = "subscription_inactive"
        case quotaExceeded = "quota_exceeded"
        case spendingLimitReached = "spending_limit_reached"
        case parentEnded = "parent_ended"
        case parentHoldExceeded = "parent_hold_exceeded"
    }
}

/// What extending, capturing and canceling judge alike.
struct OpenHold {
    let log: UsageLog
    let account: Account

    /// - Returns: the hold, if the call is still open; else the decision.
    static func find(
        _ position: Position, of userID: UUID, request: String?, at now: Timestamp
    ) -> Result<OpenHold, Settled> {
        guard let log = position.log else {
            return .failure(Settled(.unknownUsage, position.account))
        }
        guard log.key.userID == userID, var account = position.account else {
            return .failure(Settled(.notTheirs, position.account))
        }
        if let request, let step = position.step {
            let isSame = step.request.utf8.elementsEqual(request.utf8)
            return .failure(
                Settled(
                    isSame
                        ? .done(step.state, isReplay: true)
                        : .refused(.requestMismatch, HoldState(log, at: now)), account))
        }
        if log.isOverdue(at: now) {
            let expired = account.expire(log)
            var settled = Settled(.refused(.alreadyEnded, HoldState(expired, at: now)), account)
            settled.decision.logs = [expired]
            return .failure(settled)
        }
        guard log.status == .pending, log.commitAcceptedAs == nil else {
            let state = HoldState(log, at: now, as: log.commitAcceptedAs)
            return .failure(Settled(.refused(.alreadyEnded, state), account))
        }
        return .success(OpenHold(log: log, account: account))
    }

    /// A decision that was made before the hold's own rules were asked.
    struct Settled: Error {
        var decision: Decision<HoldOutcome>

        init(_ outcome: HoldOutcome, _ account: Account?) {
            decision = Decision(outcome, account: account)
        }
    }
}

extension HoldOutcome {
    /// The outcome, which is to tell this of its charge, too.
    func telling(_ news: ChargeNews, of context: CareerSubscriptionContext) -> HoldOutcome {
        guard case .done(let state, let isReplay, let alert) = self else { return self }
        return .done(state, isReplay: isReplay, alert: CreditAlert(alert, news, of: context))
    }
}
