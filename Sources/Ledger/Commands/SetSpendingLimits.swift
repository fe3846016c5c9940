import FoundationEssentials
import Values

/// How an account's limits stand.
public enum SpendingStanding: Sendable, Equatable {
    case noSubscription
    /// What was counted before is true no longer; nothing was changed.
    case outdated
    /// - Parameters:
    ///   - day: what was captured in the running day.
    ///   - month: the same of the running month.
    case stands(SpendingLimits, day: Credits, month: Credits)

    init(_ limits: SpendingLimits, _ spending: Spending, at now: Timestamp) {
        self = .stands(
            limits, day: spending.captured(in: .day, at: now),
            month: spending.captured(in: .month, at: now))
    }
}

/// Users put brakes on themselves, or take them off. What was captured before counts, too; what is
/// running goes on.
public struct SetSpendingLimits: LedgerCommand {
    public let userID: UUID
    public let limits: SpendingLimits
    public let counted: CountedSpending?

    /// - Parameter counted: what was captured until now, if that was added up before.
    public init(userID: UUID, limits: SpendingLimits, counted: CountedSpending? = nil) {
        self.userID = userID
        self.limits = limits
        self.counted = counted
    }

    public typealias Outcome = SpendingStanding
    public var subject: LedgerSubject? { nil }
    public var seesSubscription: Bool { false }
    public var seesSpending: Bool { true }
    /// From now on what is held in all periods counts: the batch's next decision must see what of
    /// it has lapsed.
    public var seesAllOverdue: Bool { true }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard var account = position.account, !account.subscription.awaitsFirstPayment else {
            return Decision(.noSubscription, account: position.account)
        }
        guard let spending = position.spending else {
            return Decision(.outdated, account: account)
        }
        // An account without limits is as if it never had some: it costs nothing.
        account.context.brakes =
            limits == .none ? nil : SpendingBrakes(limits: limits, spending: spending)
        return Decision(SpendingStanding(limits, spending, at: now), account: account)
    }
}

/// How an account's limits stand; changes nothing.
public struct ReadSpendingLimits: LedgerCommand {
    public let userID: UUID

    public init(userID: UUID) {
        self.userID = userID
    }

    public typealias Outcome = SpendingStanding
    public var subject: LedgerSubject? { nil }
    public var seesSubscription: Bool { false }
    public var seesSpending: Bool { true }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard let account = position.account, !account.subscription.awaitsFirstPayment,
            let spending = position.spending
        else {
            return Decision(.noSubscription, account: position.account)
        }
        return Decision(
            SpendingStanding(account.context.brakes?.limits ?? .none, spending, at: now),
            account: account)
    }
}
