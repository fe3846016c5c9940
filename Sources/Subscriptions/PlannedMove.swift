import Billing
import Foundation
import HTTPEndpoint
import Ledger
import Stripe

/// A change of plan that may go ahead, whichever way it leads.
package struct PlannedMove: Sendable {
    let kind: PlanMove
    let current: Plan
    let new: Plan
    let subscription: StripeSubscription
    /// What of the subscription changes.
    let item: StripeSubscription.Item
    /// The plan that the item is of.
    let planOfItem: UUID
}

extension CareerBillingService {
    /// Judges a change of plan by the subscription as Stripe has it now.
    ///
    /// - Parameter kind: what was asked for; `nil` for whichever leads to the plan.
    func planMove(
        to newPlanID: UUID, by kind: PlanMove?, user: UUID, requestID: String
    ) async throws -> PlannedMove {
        let (_, current) = try await subscription(of: user)
        guard let new = try await catalog.current(in: database).plan(newPlanID), new.isActive else {
            throw Problem.planNotFound
        }
        guard
            let theirs = try await liveSubscription(of: user, requestID: requestID)
        else {
            let free = try await subscription(of: user).plan
            let standing = UpgradeStanding(
                plan: free, isBilled: false, status: .active, cancelAtPeriodEnd: false)
            throw standing.refusal(of: new).map { Problem($0) } ?? Problem.checkoutRequired
        }
        guard let item = theirs.items.first else { throw Problem.paymentProviderUnavailable }
        let plan = try await judge(
            theirs, item, current, to: new, by: kind, user: user, requestID: requestID)
        return PlannedMove(
            kind: PlanMove(from: plan, to: new), current: current, new: new,
            subscription: theirs, item: item, planOfItem: plan.id)
    }

    /// Stripe may know what we have not heard yet: a payment that failed a moment ago, an upgrade
    /// whose answer was lost. Before a refusal the mirror catches up.
    ///
    /// - Returns: the plan by which the move was judged.
    private func judge(
        _ subscription: StripeSubscription, _ item: StripeSubscription.Item, _ current: Plan,
        to new: Plan, by kind: PlanMove?, user: UUID, requestID: String
    ) async throws -> Plan {
        let planID = try await prices.plan(of: item.price)
        let plan = try await catalog.current(in: database).plan(planID ?? current.id) ?? current
        let standing = UpgradeStanding(
            plan: plan, isBilled: true, status: Subscription.Status(subscription.status),
            cancelAtPeriodEnd: subscription.isEnding)
        guard let refusal = standing.refusal(of: new, by: kind) else { return plan }
        try await mirror.refresh(subscription.id, userID: user, requestID: requestID)
        throw Problem(refusal)
    }
}
