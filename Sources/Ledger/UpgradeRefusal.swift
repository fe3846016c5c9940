/// Which way a change of plan goes.
public enum PlanMove: Sendable, Hashable, CaseIterable {
    /// To a higher rank: at once, prorated and charged.
    case upgrade
    /// To a lower rank, or from a year to the month: at the end of what is paid, at no charge.
    case downgrade

    public init(from plan: Plan, to new: Plan) {
        let isShorter = new.interval.months < plan.interval.months
        self = new.rank < plan.rank || isShorter ? .downgrade : .upgrade
    }
}

/// Why a change of plan, or its preview, is refused. Nothing changes then, here or at Stripe.
public enum UpgradeRefusal: Sendable, Hashable, CaseIterable {
    case samePlan
    /// Nothing is paid for that could be upgraded.
    case checkoutRequired
    /// The plan is a lower one, and an upgrade was asked for.
    case downgrade
    /// The plan is a higher one, and a downgrade was asked for.
    case upgrade
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

/// What a change of plan is judged by: the subscription as it stands, here or at Stripe.
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

    /// - Parameter move: what was asked for; `nil` for whichever leads to the plan.
    /// - Returns: `nil` where the move may go ahead.
    public func refusal(of new: Plan, by move: PlanMove? = .upgrade) -> UpgradeRefusal? {
        if new.id == plan.id { return .samePlan }
        guard isBilled else { return .checkoutRequired }
        let actual = PlanMove(from: plan, to: new)
        if let move, move != actual { return actual == .downgrade ? .downgrade : .upgrade }
        return refusalToChange
    }

    /// Why nothing of it may change, whichever way; `nil` where something may.
    public var refusalToChange: UpgradeRefusal? {
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
