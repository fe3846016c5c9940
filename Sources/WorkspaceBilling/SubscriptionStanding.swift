import Billing
import Ledger
import Values
import Workspaces

/// What an account's subscription gives its workspace: a function of the account as the ledger has
/// it, of the seats that Stripe bills, and of the clock.
package struct SubscriptionStanding: Sendable, Equatable {
    package let subscription: WorkspaceSubscription
    /// Whether there was a subscription that gives nothing any more.
    package let hasEnded: Bool

    /// - Parameters:
    ///   - seats: what is billed; `nil` where it is not known, then the present ones stay.
    ///   - paysForPeriod: whether what is subscribed to now paid for the running period: what a
    ///     subscription before it has paid for brings no team back.
    ///   - isChanging: whether a change of the seats is under way. What follows the present number
    ///     at Stripe is half of it then: the change says what follows. Another number that is
    ///     billed is whole.
    ///   - grace: seconds for which what was paid for stays usable after its end.
    package init(
        _ account: Account, seats: SubscribedSeats?, paysForPeriod: Bool = true,
        isChanging: Bool = false,
        of workspace: WorkspaceRow, grace: Int64, at now: Timestamp
    ) {
        let isPaid = account.context.period.source == .paid
        let isLinked = account.subscription.stripeSubscriptionID != nil
        let isLapsed = isLinked && !account.isEntitled(at: now, grace: grace)
        if workspace.isPersonal {
            hasEnded = false
            subscription = isLapsed ? .personalLapsed : .personal
            return
        }
        let status = account.subscription.status
        // What nobody pays for any more, whether or not Stripe keeps it.
        let isStopped = [.unpaid, .paused, .canceled].contains(status)
        hasEnded = isStopped && (isPaid || !isLinked)
        let present = workspace.subscription
        let isBegun = paysForPeriod || present.standing != .none
        guard isLinked, isPaid, isBegun, !isStopped, status != .incomplete,
            status != .incompleteExpired
        else {
            subscription = .none
            return
        }
        let staysPending = seats.map { isChanging && $0.count == present.seatCount } ?? true
        subscription = WorkspaceSubscription(
            standing: isLapsed ? .inactive : .live,
            seatCount: seats?.count ?? max(present.seatCount, 1),
            pendingSeatCount: staysPending ? present.pendingSeatCount : seats?.pending)
    }
}

extension WorkspaceSubscription {
    /// A personal workspace whose payment is awaited for longer than the grace.
    fileprivate static let personalLapsed = WorkspaceSubscription(
        standing: .inactive, seatCount: 1, pendingSeatCount: nil)
}
