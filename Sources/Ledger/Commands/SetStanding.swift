import FoundationEssentials
import Values

/// Says whether the holder of an account may act: who is locked out is refused by the next
/// decision. What is held stays, and can be committed.
public struct SetStanding: LedgerCommand {
    public let userID: UUID
    public let isActive: Bool

    public init(userID: UUID, isActive: Bool) {
        self.userID = userID
        self.isActive = isActive
    }

    public var subject: LedgerSubject? { nil }
    public var seesSubscription: Bool { false }

    /// Whether there is such a user, with or without an account.
    public typealias Outcome = Bool

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        var decision = Decision<Outcome>(position.user != .missing, account: position.account)
        if position.user != .missing { decision.standing = isActive ? .active : .deactivated }
        return decision
    }
}
