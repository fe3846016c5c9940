import FoundationEssentials
import Values

/// Brings a bought grant in line with its payment: makes it once, takes back what went back with
/// the money, and freezes it while a bank holds the money. What is used is not owed.
public struct SettleTopUp: LedgerCommand {
    public let userID: UUID
    /// Names the purchase: it is granted once, however often its payment is heard of.
    public let cause: String
    public let credits: Credits
    /// After how many days from the first settling what is left ends; `nil`: never.
    public let validDays: Int64?
    /// Whether money was paid for it.
    public let isPaid: Bool
    /// What is taken back in all; less than before gives back.
    public let takenBack: Credits
    public let isFrozen: Bool
    public let token: FencingToken?
    /// Makes the new grant's id unique; a rule draws no random numbers.
    public let randomness: UInt64

    public init(
        userID: UUID, cause: String, credits: Credits, validDays: Int64?, isPaid: Bool,
        takenBack: Credits, isFrozen: Bool, token: FencingToken? = nil, randomness: UInt64
    ) {
        self.userID = userID
        self.cause = cause
        self.credits = credits
        self.validDays = validDays
        self.isPaid = isPaid
        self.takenBack = takenBack
        self.isFrozen = isFrozen
        self.token = token
        self.randomness = randomness
    }

    public var subject: LedgerSubject? { nil }
    public var grantCause: String? { cause }

    public struct Change: Sendable, Equatable {
        public let isNew: Bool
        /// What had been taken back before.
        public let takenBackBefore: Credits
        /// Whether it has just been heard that money for it went back, or froze it. A bank that
        /// holds the money of what is frozen already is not seen here: the purchase's row tells.
        public let moneyWentBack: Bool
        /// As it stands now.
        public let grant: StandaloneGrant
    }

    public enum Outcome: Sendable, Equatable {
        case noAccount
        /// A later fetch has been applied; nothing is left to write.
        case outOfDate
        case applied(Change)
    }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard var account = position.account else { return Decision(.noAccount, account: nil) }
        if let token, token.number < position.appliedToken {
            return Decision(.outOfDate, account: account)
        }
        let known = account.grants.firstIndex { $0.isOf(cause) }
        if known == nil {
            account.grants.append(newGrant(at: now))
            account.context.decidedAt = now
        }
        let index = known ?? account.grants.count - 1
        let old = account.grants[index]
        account.grants[index].isFrozen = isFrozen
        account.grants[index].takeBackTotal = min(
            max(.zero, takenBack), account.grants[index].amount)
        account.settleGrant(at: index, now)
        var decision = Decision<Outcome>(
            .applied(
                Change(
                    isNew: known == nil, takenBackBefore: old.takenBack,
                    moneyWentBack: account.grants[index].takeBackTotal > old.takeBackTotal
                        || isFrozen && !old.isFrozen,
                    grant: account.grants[index])),
            account: account)
        decision.token = token
        return decision
    }

    private func newGrant(at now: Timestamp) -> StandaloneGrant {
        StandaloneGrant(
            id: .version7(at: now, randomness: randomness), userID: userID, source: .topUp,
            amount: credits, effectiveAt: now,
            expiresAt: validDays.map { now.adding(seconds: $0 * 86_400) }, isPaid: isPaid,
            cause: cause, reason: nil, actor: nil, createdAt: now)
    }
}

/// Looks for the grant beside the pool that was made for a cause. Changes nothing.
public struct FindGrant: LedgerCommand {
    public let userID: UUID
    public let cause: String

    public init(userID: UUID, cause: String) {
        self.userID = userID
        self.cause = cause
    }

    public var subject: LedgerSubject? { nil }
    public var grantCause: String? { cause }

    /// `nil` if there is none.
    public typealias Outcome = StandaloneGrant?

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        Decision(
            position.account?.grants.first { $0.isOf(cause) }, account: position.account)
    }
}
