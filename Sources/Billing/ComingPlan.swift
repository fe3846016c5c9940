import Foundation
import Ledger
import Stripe
import Values

/// Which plan a subscription's schedule brings next, whoever made it.
extension BillingSnapshotReader {
    /// A schedule as far as it matters here.
    struct Coming: Sendable {
        var plan: ScheduledPlan?
        /// The phase that follows the running one.
        var next: StripeSubscriptionSchedule.Phase?
        /// What the schedule was asked for by, see ``StripeSubscriptionSchedule/wish``.
        var wish: String?
        /// A schedule of ours that leads away from another plan than the present one, or to fewer
        /// seats on it from fewer than there are: the user has moved since it was made, e.g. by an
        /// upgrade or by seats that were paid late.
        var outdated: String?
        /// A schedule of ours that leads to another plan with fewer seats than were bought since.
        var behind: SeatsBehind?
    }

    func coming(to subscription: StripeSubscription, on plan: UUID?) async throws -> Coming {
        guard !subscription.isOver, let id = subscription.scheduleID,
            let schedule = try await schedule(id)
        else { return Coming() }
        let phases = schedule.comingPhases
        if !phases.isEmpty, let plan,
            let from = schedule.metadata[StripeSubscriptionSchedule.fromPlan], from != plan.text
        {
            return Coming(outdated: id)
        }
        let next = try await next(phases, after: plan, of: subscription)
        if !phases.isEmpty, let from = schedule.fromSeats,
            let billed = try await seats(of: subscription, on: plan, next: nil),
            billed.count > from
        {
            guard let next, try await allows(billed.count, on: next.planID) else {
                return Coming(outdated: id)
            }
            return Coming(
                plan: next, wish: schedule.wish,
                behind: SeatsBehind(schedule: schedule, seats: billed.count))
        }
        return Coming(plan: next, next: phases.first, wish: next.map { _ in schedule.wish })
    }

    private func next(
        _ phases: [StripeSubscriptionSchedule.Phase], after plan: UUID?,
        of subscription: StripeSubscription
    ) async throws -> ScheduledPlan? {
        let known = subscription.items.map(\.price)
        for phase in phases {
            guard let start = phase.start, let next = try await self.plan(of: phase, among: known),
                next != plan
            else { continue }
            return ScheduledPlan(planID: next, startsAt: Timestamp(ofStripe: start))
        }
        return nil
    }

    /// - Returns: `nil` where Stripe does not know it.
    package func schedule(_ id: String) async throws -> StripeSubscriptionSchedule? {
        try await ifKnown { () async throws(StripeError) in
            try await stripe.retrieveSchedule(id)
        }
    }

    private func plan(
        of phase: StripeSubscriptionSchedule.Phase, among known: [StripePrice]
    ) async throws -> UUID? {
        for item in phase.items {
            if let plan = try await prices.plan(ofPriceID: item.priceID, among: known) {
                return plan
            }
        }
        return nil
    }
}

extension StripeMirror {
    /// Lets go of a schedule that would undo a move that was made since.
    func releaseOutdated(_ scheduleID: String) async throws {
        do {
            _ = try await stripe.releaseSchedule(scheduleID, "outdated-\(UUID().text)")
        } catch {
            guard error.isRefusal else { throw error }
        }
    }
}

extension StripeSubscriptionSchedule {
    /// The member of a schedule's metadata that names the plan from which it leads away. Whoever is
    /// on another plan by now has moved since, and the schedule is out of date.
    package static let fromPlan = "cuebx_from_plan"

    /// The member of a schedule's metadata that names the seats of which fewer follow. Whoever pays
    /// for more by now has bought some since, and the schedule is out of date.
    package static let fromSeats = "cuebx_from_seats"
    package var fromSeats: Int64? { metadata[Self.fromSeats].flatMap { Int64($0) } }

    /// The member of a schedule's metadata that tells one wish of the user's from another. A
    /// schedule that takes the place of one that was released for nothing keeps it.
    package static let wish = "cuebx_wish"
    /// Of a schedule that was made in Stripe's dashboard, its id.
    package var wish: String { metadata[Self.wish] ?? id }
}
