import FoundationEssentials

/// Keeps the user's customer at Stripe: one a user, ever, so the first one stays.
public struct LinkCustomer: LedgerCommand {
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
        return Decision(customerID, account: account)
    }
}
