import FoundationEssentials
import Values

/// Freezes a bought grant that its user gives back, before its money goes back: nothing of it may
/// be used or held, and nothing can be from then on.
public struct FreezeTopUp: LedgerCommand {
    /// For how long a bought grant can be given back, in seconds: 14 days.
    public static let returnTime: Int64 = 14 * 86_400

    public let userID: UUID
    /// Names the purchase.
    public let cause: String

    public init(userID: UUID, cause: String) {
        self.userID = userID
        self.cause = cause
    }

    public enum Outcome: Sendable, Equatable {
        case unknown
        /// All of it went back before.
        case returned
        /// It is frozen already: it is being given back, or a bank holds the money.
        case frozenBefore
        /// Some of it was used, is held, or has expired.
        case used
        case tooLate
        case frozen
    }

    public var subject: LedgerSubject? { nil }
    public var seesSubscription: Bool { false }
    public var grantCause: String? { cause }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard var account = position.account,
            let index = account.grants.firstIndex(where: { $0.isOf(cause) })
        else { return Decision(.unknown, account: position.account) }
        let grant = account.grants[index].settled(at: now)
        if let refusal = refusal(of: grant, at: now) {
            return Decision(refusal, account: account)
        }
        account.grants[index].isFrozen = true
        return Decision(.frozen, account: account)
    }

    private func refusal(of grant: StandaloneGrant, at now: Timestamp) -> Outcome? {
        if grant.takeBackTotal >= grant.amount { return .returned }
        if grant.isFrozen { return .frozenBefore }
        if grant.held + grant.captured + grant.expired > .zero { return .used }
        return now < grant.createdAt.adding(seconds: Self.returnTime) ? nil : .tooLate
    }
}
