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
        try await billing.resume(of: user, requestID: call.id)
        return try await billing.subscriptions.reply(user)
    }
}

extension CareerBillingService {
    /// Takes back a cancellation of what a holder subscribes to, or a lower plan that was to
    /// follow. Where none is pending, nothing changes.
    package func resume(of holder: UUID, requestID: String) async throws {
        try await moveTurns.inTurn(holder) {
            // No earlier move may bring back what is taken back here.
            if let id = try await subscription(of: holder).account.subscription
                .stripeSubscriptionID
            {
                try await moves.settle(id)
            }
            if let theirs = try await liveSubscription(of: holder, requestID: requestID) {
                try await resume(theirs, holder, requestID)
            }
        }
    }

    /// Takes back what Stripe says is pending: it may have been asked for there a moment ago.
    /// An end by date, as Stripe's portal sets it, may outlive the flag. Nothing is told before
    /// Stripe was looked at again.
    private func resume(
        _ theirs: StripeSubscription, _ holder: UUID, _ requestID: String
    ) async throws {
        if theirs.isEnding {
            let answer = try await changeEnding(of: theirs, user: holder, requestID: requestID) {
                try await stripe.setCancelAtPeriodEnd(
                    theirs.id, false, "resume-\(theirs.id)-\(UUID().text)")
            }
            if answer?.cancelAt != nil { try await clearDate(theirs.id) }
        } else if let schedule = try await runningSchedule(of: theirs),
            !schedule.comingPhases.isEmpty
        {
            try await releaseSchedule(of: theirs)
        }
        try await mirror.refresh(theirs.id, userID: holder, requestID: requestID)
        guard try await isEnding(holder) else { return }
        try await clearDate(theirs.id)
        try await mirror.refresh(theirs.id, userID: holder, requestID: requestID)
        guard try await !isEnding(holder) else { throw Problem.paymentProviderError }
    }

    private func clearDate(_ subscriptionID: String) async throws {
        _ = try await stripe.clearCancelAt(
            subscriptionID, "resume-date-\(subscriptionID)-\(UUID().text)")
    }

    private func isEnding(_ holder: UUID) async throws -> Bool {
        try await subscription(of: holder).account.subscription.cancelAtPeriodEnd
    }
}
