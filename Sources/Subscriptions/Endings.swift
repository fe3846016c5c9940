import Billing
import Foundation
import Stripe

/// How a subscription ends, by whichever action.
extension CareerBillingService {
    /// Changes how a subscription ends. A schedule would refuse that: it is released first, and the
    /// plan that it was to bring is given up, unless the change fails.
    ///
    /// - Returns: `nil` where the subscription ended a moment ago; then it has ended here too.
    package func changeEnding(
        of theirs: StripeSubscription, user: UUID, requestID: String?,
        _ change: () async throws -> StripeSubscription
    ) async throws -> StripeSubscription? {
        do {
            return try await withoutSchedule(theirs, change)
        } catch let error as StripeError where error.isRefusal {
            guard let now = try await liveSubscription(of: user, requestID: requestID) else {
                return nil
            }
            // Another process, or somebody at Stripe, has attached a schedule meanwhile.
            guard theirs.scheduleID == nil, now.scheduleID != nil else { throw error }
            return try await withoutSchedule(now, change)
        }
    }

    /// Has a subscription end with its period.
    ///
    /// - Returns: it as it stands then; `nil` where it ended a moment ago.
    package func endWithPeriod(
        _ theirs: StripeSubscription, user: UUID, requestID: String?
    ) async throws -> StripeSubscription? {
        try await giveUp(pendingUpgrade(of: theirs))
        return try await changeEnding(of: theirs, user: user, requestID: requestID) {
            try await stripe.setCancelAtPeriodEnd(
                theirs.id, true, "cancel-\(theirs.id)-\(UUID().text)")
        }
    }

    /// Ends a subscription at once; one that is over already stays so. An upgrade that waits for
    /// its payment is given up first, so that nobody pays for what has ended.
    package func end(_ theirs: StripeSubscription) async throws {
        try await giveUp(pendingUpgrade(of: theirs))
        do {
            _ = try await stripe.cancelSubscription(theirs.id)
        } catch {
            guard case .notFound = error.kind else { throw error }
        }
    }
}
