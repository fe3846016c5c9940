import FoundationEssentials
import Values

/// Gives an account credits beside its pool: once for each cause.
public struct AddGrant: LedgerCommand {
    public let userID: UUID
    public let source: StandaloneGrant.Source
    public let amount: Credits
    public let priority: Int64
    /// `nil`: from the decision on.
    public let effectiveAt: Timestamp?
    public let expiresAt: Timestamp?
    public let isPaid: Bool
    /// What it is made for, e.g. a payment or an operator's name of it.
    public let cause: String
    public let reason: String?
    public let actor: String?
    /// Makes the new grant's id unique; a rule draws no random numbers.
    public let randomness: UInt64

    public init(
        userID: UUID, source: StandaloneGrant.Source, amount: Credits,
        priority: Int64 = StandaloneGrant.usualPriority, effectiveAt: Timestamp? = nil,
        expiresAt: Timestamp? = nil, isPaid: Bool = false, cause: String, reason: String? = nil,
        actor: String? = nil, randomness: UInt64
    ) {
        self.userID = userID
        self.source = source
        self.amount = amount
        self.priority = priority
        self.effectiveAt = effectiveAt
        self.expiresAt = expiresAt
        self.isPaid = isPaid
        self.cause = cause
        self.reason = reason
        self.actor = actor
        self.randomness = randomness
    }

    public var subject: LedgerSubject? { nil }
    public var grantCause: String? { cause }

    public enum Outcome: Sendable, Equatable {
        case noSubscription
        /// It was made before, and stands like this.
        case existing(StandaloneGrant)
        /// ``StandaloneGrant/maximumOpen`` are open; nothing has changed.
        case tooManyGrants
        case added(StandaloneGrant)
    }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard var account = position.account, !account.subscription.awaitsFirstPayment else {
            return Decision(.noSubscription, account: position.account)
        }
        if let known = account.grants.first(where: { $0.isOf(cause) }) {
            return Decision(.existing(known), account: account)
        }
        let open = account.grants.count { $0.remaining > .zero && !$0.isExpired(at: now) }
        let mustFit = source == .topUp || source == .rollover
        guard mustFit || open < StandaloneGrant.maximumOpen else {
            return Decision(.tooManyGrants, account: account)
        }
        let grant = StandaloneGrant(
            id: .version7(at: now, randomness: randomness), userID: userID, source: source,
            amount: amount, priority: priority, effectiveAt: effectiveAt ?? now,
            expiresAt: expiresAt, isPaid: isPaid, cause: cause, reason: reason, actor: actor,
            createdAt: now)
        account.grants.append(grant)
        account.context.decidedAt = now
        return Decision(.added(grant), account: account)
    }
}

extension StandaloneGrant {
    /// The cause of a grant that an operator made by this name.
    public static func causeByHand(_ name: String) -> String { "by_hand " + name }

    /// Causes are compared byte by byte, as the databases compare them.
    func isOf(_ cause: String) -> Bool { self.cause.utf8.elementsEqual(cause.utf8) }
}
