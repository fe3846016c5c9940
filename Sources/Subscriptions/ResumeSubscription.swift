import Billing
import Foundation
import HTTPEndpoint
import Stripe

package struct ResumeSubscription: Action {
    let billing: CareerBillingService

    package init(billing: CareerBillingService) {
        self.billing = billing
    }

    package static let about = About(
        "Take back a cancellation, or a lower plan, at the period's end",
        details: "Where none is pending, nothing changes.", access: .user,
        refusals: [.subscriptionNotFound, .paymentProviderUnavailable, .paymentProviderError])

    package func read(_ input: inout InputReader) {}

    package func perform(
        _ input: Void, _ call: Call
    ) async throws -> Reply<CareerSubscriptionResponse> {
        let user = try call.user().userID
        return try await billing.moveTurns.inTurn(user) {
            // No earlier move may bring back what is taken back here.
            if let id = try await billing.subscription(of: user).account.subscription
                .stripeSubscriptionID
            {
                try await billing.moves.settle(id)
            }
            if let theirs = try await billing.liveSubscription(of: user, requestID: call.id) {
                try await resume(theirs, user, call)
            }
            return try await billing.subscriptions.reply(user)
        }
    }

    /// Takes back what Stripe says is pending: it may have been asked for there a moment ago.
    /// An end by date, as Stripe's portal sets it, may outlive the flag. Nothing is told before
    /// Stripe was looked at again.
    private func resume(_ theirs: StripeSubscription, _ user: UUID, _ call: Call) async throws {
        if theirs.isEnding {
            let answer = try await billing.changeEnding(
                of: theirs, user: user, requestID: call.id
            ) {
                try await billing.stripe.setCancelAtPeriodEnd(
                    theirs.id, false, "resume-\(theirs.id)-\(UUID().text)")
            }
            if answer?.cancelAt != nil { try await clearDate(theirs.id) }
        } else if let schedule = try await billing.runningSchedule(of: theirs),
            !schedule.comingPhases.isEmpty
        {
            try await billing.releaseSchedule(of: theirs)
        }
        try await billing.mirror.refresh(theirs.id, userID: user, requestID: call.id)
        guard try await isEnding(user) else { return }
        try await clearDate(theirs.id)
        try await billing.mirror.refresh(theirs.id, userID: user, requestID: call.id)
        guard try await !isEnding(user) else { throw Problem.paymentProviderError }
    }

    private func clearDate(_ subscriptionID: String) async throws {
        _ = try await billing.stripe.clearCancelAt(
            subscriptionID, "resume-date-\(subscriptionID)-\(UUID().text)")
    }

    private func isEnding(_ user: UUID) async throws -> Bool {
        try await billing.subscription(of: user).account.subscription.cancelAtPeriodEnd
    }
}
