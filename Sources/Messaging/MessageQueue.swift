/// The queues of the service, each with how often and after what pause a message is tried.
public enum MessageQueue: String, Sendable, CaseIterable {
    case checkoutCompleted = "stripe_checkout_completed"
    case subscriptionUpdated = "stripe_subscription_updated"
    case subscriptionDeleted = "stripe_subscription_deleted"
    case paymentFailed = "stripe_payment_failed"
    case usageCommits = "career_usage_commits"
    case emails = "career_emails"
    /// What operators have begun and do not wait for.
    case operatorWork = "operator_work"

    /// Tries before a message is dead.
    public var maximumAttempts: Int64 { isStripe ? 5 : 3 }

    /// Seconds from a failed try to the next.
    public var retryDelay: Int64 { isStripe ? 60 : 30 }

    /// A queue's share of a worker: its messages that one process has in work at once. Those that
    /// hang hold up no other queue's.
    public var maximumInFlight: Int {
        switch self {
        case .checkoutCompleted, .subscriptionUpdated, .subscriptionDeleted, .paymentFailed: 4
        case .usageCommits: 8
        case .emails: 4
        case .operatorWork: 1
        }
    }

    private var isStripe: Bool {
        switch self {
        case .checkoutCompleted, .subscriptionUpdated, .subscriptionDeleted, .paymentFailed: true
        case .usageCommits, .emails, .operatorWork: false
        }
    }
}
