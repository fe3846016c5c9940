import FoundationEssentials
import Values

/// A user's one Career subscription. Its `id` never changes; its plan, status and Stripe ids do.
public struct Subscription: Sendable, Hashable {
    /// The statuses of a Stripe subscription
    /// (docs.stripe.com/billing/subscriptions/overview#subscription-statuses).
    public enum Status: String, Sendable, Hashable, CaseIterable {
        case active
        case trialing
        case pastDue = "past_due"
        case incomplete
        case incompleteExpired = "incomplete_expired"
        case unpaid
        case paused
        case canceled

        /// Whether the status lets its user spend where no period was paid for, and lets an
        /// upgrade grant credits.
        public var entitles: Bool { self == .active || self == .trialing || self == .pastDue }
    }

    public let id: UUID
    public let userID: UUID
    public internal(set) var planID: UUID
    public internal(set) var status: Status
    public internal(set) var stripeCustomerID: String?
    public internal(set) var stripeSubscriptionID: String?
    /// Whether an end was asked for that has not come yet.
    public internal(set) var cancelAtPeriodEnd: Bool
    /// When that end comes; in most cases the period's end.
    public internal(set) var cancelAt: Timestamp?
    public internal(set) var canceledAt: Timestamp?
    /// The plan that follows by itself, if one was asked for.
    public internal(set) var scheduled: ScheduledPlan?
    public internal(set) var trialEnd: Timestamp?
    /// One trial a user, ever: set when the first one starts, or was used by an earlier account
    /// of the same email.
    public internal(set) var trialUsed: Bool
    public let createdAt: Timestamp
    public internal(set) var updatedAt: Timestamp
    /// Whether all of it is known. Of a call's account only the id, the plan and the status are
    /// loaded, and no decision on such an account may change its subscription.
    public let isWhole: Bool

    public init(
        id: UUID, userID: UUID, planID: UUID, status: Status, stripeCustomerID: String?,
        stripeSubscriptionID: String?, cancelAtPeriodEnd: Bool, canceledAt: Timestamp?,
        trialEnd: Timestamp?, trialUsed: Bool, createdAt: Timestamp, updatedAt: Timestamp,
        cancelAt: Timestamp? = nil, scheduled: ScheduledPlan? = nil
    ) {
        self.id = id
        self.userID = userID
        self.planID = planID
        self.status = status
        self.stripeCustomerID = stripeCustomerID
        self.stripeSubscriptionID = stripeSubscriptionID
        self.cancelAtPeriodEnd = cancelAtPeriodEnd
        self.cancelAt = cancelAt
        self.scheduled = scheduled
        self.canceledAt = canceledAt
        self.trialEnd = trialEnd
        self.trialUsed = trialUsed
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.isWhole = true
    }

    /// What a decision on a call needs, and no more.
    public init(id: UUID, userID: UUID, planID: UUID, status: Status) {
        self.id = id
        self.userID = userID
        self.planID = planID
        self.status = status
        self.cancelAtPeriodEnd = false
        self.trialUsed = false
        self.createdAt = .epoch
        self.updatedAt = .epoch
        self.isWhole = false
    }
}

/// A line of a subscription's append-only history.
public struct SubscriptionChange: Sendable, Hashable {
    public let subscriptionID: UUID
    /// What happened, e.g. `activated`.
    public let event: String
    public let planID: UUID
    public let status: Subscription.Status
    /// The ids at Stripe that the subscription has since.
    public let stripeCustomerID: String?
    public let stripeSubscriptionID: String?
    public let at: Timestamp
    /// Why, in an operator's words; `nil` of what nobody had to explain.
    public let reason: String?

    public init(
        event: String, subscription: Subscription, at: Timestamp, reason: String? = nil
    ) {
        self.subscriptionID = subscription.id
        self.event = event
        self.planID = subscription.planID
        self.status = subscription.status
        self.stripeCustomerID = subscription.stripeCustomerID
        self.stripeSubscriptionID = subscription.stripeSubscriptionID
        self.at = at
        self.reason = reason
    }
}
