import FoundationEssentials
import Values

/// Says what applying a snapshot would change of the account's credits, and changes nothing.
public struct CompareBilling: LedgerCommand {
    public let userID: UUID
    public let snapshot: BillingSnapshot

    public init(userID: UUID, snapshot: BillingSnapshot) {
        self.userID = userID
        self.snapshot = snapshot
    }

    public var subject: LedgerSubject? { nil }
    public var seesGrants: Bool { true }
    public var onceOnly: GrantKey? { apply.onceOnly }

    /// The lines that are missing.
    public typealias Outcome = [CreditGrant]

    private var apply: ApplyBilling { ApplyBilling(userID: userID, snapshot: snapshot) }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        // A month that has yet to begin is granted when it does.
        var account = position.account
        let begun = account?.startPeriodIfDue(rules, at: now) ?? []
        let missing = apply.decide(position, rules, at: now).grants.filter { !begun.contains($0) }
        return Decision(missing, account: position.account)
    }
}
