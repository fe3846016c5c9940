import FoundationEssentials
import Values

/// Whether the user may spend now, as validate's first rule has it. Changes nothing.
public struct AskEntitlement: LedgerCommand {
    public let userID: UUID

    public init(userID: UUID) {
        self.userID = userID
    }

    public var subject: LedgerSubject? { nil }

    public typealias Outcome = Bool

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard position.user == .active, var account = position.account,
            rules.catalog.plan(account.subscription.planID) != nil
        else { return Decision(false, account: position.account) }
        _ = account.startPeriodIfDue(rules, at: now)
        return Decision(
            account.isEntitled(at: now, grace: rules.pastDueGrace), account: position.account)
    }
}
