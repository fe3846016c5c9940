import FoundationEssentials
import Values

/// Sets the mark of an account's automatic top-up: with less than that left after a charge it is
/// looked at. What the user has agreed to is kept elsewhere; the mark alone buys nothing.
public struct SetTopUpMark: LedgerCommand {
    public let userID: UUID
    /// `nil`: no charge asks for one any more.
    public let below: Credits?

    public init(userID: UUID, below: Credits?) {
        self.userID = userID
        self.below = below
    }

    /// Whether there is an account.
    public typealias Outcome = Bool
    public var subject: LedgerSubject? { nil }
    public var seesSubscription: Bool { false }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard var account = position.account else { return Decision(false, account: nil) }
        account.context.topUpBelow = below
        return Decision(true, account: account)
    }
}

/// Whether an account may buy credits by itself now, and what it has. Changes nothing.
public struct AskTopUpStanding: LedgerCommand {
    public let userID: UUID

    public init(userID: UUID) {
        self.userID = userID
    }

    public struct Outcome: Sendable, Equatable {
        /// What can be drawn now.
        public let available: Credits
        /// Whether the user is active, and their plan entitles them and is paid for.
        public let mayBuy: Bool
    }

    public var subject: LedgerSubject? { nil }
    public var seesSubscription: Bool { false }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard let account = position.account else {
            return Decision(Outcome(available: .zero, mayBuy: false), account: nil)
        }
        var settled = account
        _ = settled.startPeriodIfDue(rules, at: now)
        let mayBuy =
            position.user == .active && settled.subscription.status != .pastDue
            && settled.isEntitled(at: now, grace: rules.pastDueGrace)
        return Decision(
            Outcome(
                available: settled.available(at: now, grace: rules.pastDueGrace), mayBuy: mayBuy),
            account: account)
    }
}

extension Decision {
    /// Whether it charges something and leaves less than the mark of the account's automatic
    /// top-up. Holds and releases are no charges.
    ///
    /// - Parameter known: the logs as they were.
    func leavesTooLittle(
        known: [UUID: UsageLog], _ rules: LedgerRules, at now: Timestamp
    ) -> Bool {
        guard let below = account?.context.topUpBelow, let account, !logs.isEmpty,
            movement(known).captured > .zero
        else { return false }
        return account.available(at: now, grace: rules.pastDueGrace) < below
    }
}
