import FoundationEssentials
import Values

/// Gives a holder who has a paid plan or none an account before the first payment: so a customer at
/// Stripe is somebody's. Nothing is granted, and nothing may be spent. Idempotent: an existing
/// account is returned as it is.
public struct OpenUnpaidAccount: LedgerCommand {
    /// The history's word for it.
    public static let event = "opened"

    public let userID: UUID
    /// The new subscription's id, where one is made.
    public let subscriptionID: UUID
    /// What is about to be bought.
    public let planID: UUID

    public init(userID: UUID, subscriptionID: UUID, planID: UUID) {
        self.userID = userID
        self.subscriptionID = subscriptionID
        self.planID = planID
    }

    /// - Parameter now: gives the new subscription's id its time.
    package init(userID: UUID, planID: UUID, at now: Timestamp) {
        let id = UUID.version7(at: now, randomness: .random(in: .min ... .max))
        self.init(userID: userID, subscriptionID: id, planID: planID)
    }

    public var subject: LedgerSubject? { nil }

    /// `nil` where there is no such holder.
    public typealias Outcome = Account?

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard position.user != .missing else { return Decision(nil, account: nil) }
        if let account = position.account { return Decision(account, account: account) }
        let free = rules.catalog.freePlan
        var account = Account(
            subscription: Subscription(
                id: subscriptionID, userID: userID, planID: planID, status: .incomplete,
                stripeCustomerID: nil, stripeSubscriptionID: nil, cancelAtPeriodEnd: false,
                canceledAt: nil, trialEnd: nil, trialUsed: false, createdAt: now,
                updatedAt: now),
            context: CareerSubscriptionContext(
                period: .month(containing: now, anchor: now, number: 1), periodPlanID: free.id,
                anchor: now, allocated: .zero, used: .zero, reserved: .zero,
                minuteWindow: RateWindow(.minute, start: .epoch, count: 0),
                dayWindow: RateWindow(.day, start: .epoch, count: 0), decidedAt: now))
        let nothing = account.grant(.plan, .zero, cause: "free_month", at: now)
        var decision = Decision<Outcome>(account, account: account)
        decision.grants = [nothing]
        decision.history = [
            SubscriptionChange(event: Self.event, subscription: account.subscription, at: now)
        ]
        return decision
    }
}

extension Subscription {
    /// Whether nothing was paid yet, see ``OpenUnpaidAccount``: nobody is told of it.
    public var awaitsFirstPayment: Bool { status == .incomplete && stripeSubscriptionID == nil }
}
