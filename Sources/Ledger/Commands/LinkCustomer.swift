import FoundationEssentials
import Values

/// Keeps the user's customer at Stripe: one a user, ever, so the first one stays. The history keeps
/// a line of it.
public struct LinkCustomer: LedgerCommand {
    /// The history's word for it.
    public static let event = "customer_linked"

    public let userID: UUID
    public let customerID: String

    public init(userID: UUID, customerID: String) {
        self.userID = userID
        self.customerID = customerID
    }

    public var subject: LedgerSubject? { nil }

    /// The customer that the account has now; `nil` without a Career subscription.
    public typealias Outcome = String?

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard var account = position.account else { return Decision(nil, account: nil) }
        if let known = account.subscription.stripeCustomerID {
            return Decision(known, account: account)
        }
        account.subscription.stripeCustomerID = customerID
        account.subscription.updatedAt = now
        account.context.decidedAt = now
        var decision = Decision<Outcome>(customerID, account: account)
        decision.history = [
            SubscriptionChange(
                event: Self.event, subscription: account.subscription, at: now)
        ]
        return decision
    }
}

/// Forgets the user's customer, who was deleted at Stripe: the next checkout makes a new one. The
/// history keeps a line of it.
public struct UnlinkCustomer: LedgerCommand {
    /// The history's word for it.
    public static let event = "customer_deleted"

    public let userID: UUID
    public let customerID: String

    public init(userID: UUID, customerID: String) {
        self.userID = userID
        self.customerID = customerID
    }

    public var subject: LedgerSubject? { nil }

    public enum Outcome: Sendable, Equatable {
        /// The account has another customer, or none; nothing has changed.
        case notTheirs
        /// A subscription of the customer's still counts as live here; nothing has changed. Its
        /// end at Stripe, which comes with the deletion, is to be applied first.
        case stillSubscribed(String)
        case unlinked
    }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard var account = position.account,
            account.subscription.stripeCustomerID == customerID
        else { return Decision(.notTheirs, account: position.account) }
        if let live = account.subscription.stripeSubscriptionID {
            return Decision(.stillSubscribed(live), account: account)
        }
        account.subscription.stripeCustomerID = nil
        account.subscription.updatedAt = now
        account.context.decidedAt = now
        var decision = Decision<Outcome>(.unlinked, account: account)
        decision.history = [
            SubscriptionChange(
                event: Self.event, subscription: account.subscription, at: now)
        ]
        return decision
    }
}
