import Billing
import Foundation
import HTTPEndpoint
import Ledger
import Stripe

package struct DowngradePlan: Action {
    let billing: CareerBillingService

    package init(billing: CareerBillingService) {
        self.billing = billing
    }

    package static let about = About(
        "Move to a lower plan at the end of what is paid",
        details: """
            Nothing is charged or paid back now: the plan and its credits stay until \
            `scheduled_at`, a trial until its end. Another plan asked for takes the place of the \
            first; `/resume`, `/upgrade` and `/cancel` take it back. To the Free plan it is a \
            cancellation, which `/resume` takes back.
            """,
        access: .user, refusals: downgradeRefusals)

    package func read(_ input: inout InputReader) -> CareerDowngradeRequest {
        input.body(CareerDowngradeRequest.self)
    }

    package func perform(
        _ request: CareerDowngradeRequest, _ call: Call
    ) async throws -> Reply<CareerSubscriptionResponse> {
        let user = try call.user().userID
        return try await billing.moveTurns.inTurn(user) {
            let move = try await billing.planMove(
                to: request.newPlanID, by: .downgrade, user: user, requestID: call.id)
            if move.new.kind == .free {
                try await end(move.subscription, user, call)
            } else {
                try await lower(move, user, call)
            }
            return try await billing.subscriptions.reply(user)
        }
    }

    private func lower(_ move: PlannedMove, _ user: UUID, _ call: Call) async throws {
        let price = try await billing.prices.price(of: move.new)
        // What waits for its payment would go on, and be paid for nothing.
        guard try await billing.giveUp(billing.pendingUpgrade(of: move.subscription)) else {
            throw Problem.paymentProcessing
        }
        try await billing.schedule(
            Successor(of: move.item, price: price), of: move.planOfItem, in: move.subscription)
        try await billing.mirror.refresh(
            move.subscription.id, userID: user, requestID: call.id)
        // Somebody took it back meanwhile: nothing may be claimed. It may have begun, too.
        let subscription = try await billing.subscription(of: user).account.subscription
        guard (subscription.scheduled?.planID ?? subscription.planID) == move.new.id else {
            throw Problem.paymentProviderUnavailable
        }
    }

    private func end(_ theirs: StripeSubscription, _ user: UUID, _ call: Call) async throws {
        let answer = try await billing.endWithPeriod(theirs, user: user, requestID: call.id)
        try await billing.mirror.refresh(theirs.id, userID: user, requestID: call.id)
        guard answer != nil else { throw Problem.checkoutRequired }
    }
}

/// Of the preview too, which is judged by whichever way leads to the plan.
let moveRefusals: [Problem] = [
    .subscriptionNotFound, .planNotFound, .checkoutRequired, .samePlan, .cancellationPending,
    .paymentPastDue, .paymentIncomplete, .subscriptionPaused, .paymentProviderUnavailable,
    .paymentProviderError,
]
let upgradeRefusals = moveRefusals + [.downgradeNotAllowed]
let downgradeRefusals = moveRefusals + [.upgradeNotDowngrade, .paymentProcessing]

package struct CareerDowngradeRequest: JSONInput {
    let newPlanID: UUID

    package init(newPlanID: UUID) {
        self.newPlanID = newPlanID
    }

    package static let about = "The plan to move to."

    package init(_ reader: inout ObjectReader) {
        newPlanID = reader.required("new_plan_id", .uuid, "A plan of a lower rank.")
    }
}
