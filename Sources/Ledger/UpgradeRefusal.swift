/// Why an upgrade, or its preview, is refused. Nothing changes then, here or at Stripe.
public enum UpgradeRefusal: Sendable, Hashable, CaseIterable {
    case samePlan
    /// Nothing is paid for that could be upgraded.
    case checkoutRequired
    case downgrade
    /// The subscription is about to end; it must be resumed first.
    case cancellationPending
    /// An invoice could not be collected (`past_due`, or `unpaid` once Stripe has stopped trying).
    /// Stripe would charge the difference on top of what is owed.
    case paymentPastDue
    /// The first payment has not gone through yet.
    case paymentIncomplete
    /// The trial ended without a card. Stripe bills nothing until the subscription is resumed.
    case paused
}

/// What an upgrade is judged by: the subscription as it stands, here or at Stripe.
public struct UpgradeStanding: Sendable, Hashable {
    public let plan: Plan
    /// Whether Stripe bills for it.
    public let isBilled: Bool
    public let status: Subscription.Status
    public let cancelAtPeriodEnd: Bool

    public init(
        plan: Plan, isBilled: Bool, status: Subscription.Status, cancelAtPeriodEnd: Bool
    ) {
        self.plan = plan
        self.isBilled = isBilled
        self.status = status
        self.cancelAtPeriodEnd = cancelAtPeriodEnd
    }

    /// - Returns: `nil` where the upgrade may go ahead.
    public func refusal(of new: Plan) -> UpgradeRefusal? {
        if new.id == plan.id { return .samePlan }
        guard isBilled else { return .checkoutRequired }
        if new.rank < plan.rank { return .downgrade }
        if cancelAtPeriodEnd { return .cancellationPending }
        switch status {
        case .active, .trialing: return nil
        case .pastDue, .unpaid: return .paymentPastDue
        case .incomplete: return .paymentIncomplete
        case .paused: return .paused
        case .incompleteExpired, .canceled: return .checkoutRequired
        }
    }
}
