import Billing
import Foundation
import Stripe

/// What a change of a subscription brings that waits for its payment.
struct AwaitedPurchase: Sendable {
    /// `nil` where no plan is bought.
    var plan: UUID?
    /// Whether the plan is the present one, with other seats.
    var isOfSeats = false
}

extension BillingSnapshotReader {
    /// - Parameter subscription: `nil` where no change waits.
    func awaitedPurchase(
        of subscription: StripeSubscription?
    ) async throws -> AwaitedPurchase {
        var purchase = AwaitedPurchase()
        guard let subscription, let update = subscription.pendingUpdate else { return purchase }
        var hasSeats = false
        for price in update.prices {
            let meaning = try await prices.meaning(of: price)
            purchase.plan = purchase.plan ?? meaning.plan
            hasSeats = hasSeats || meaning.seatOf != nil
        }
        let present = try await planItems(of: subscription).first?.plan
        purchase.isOfSeats = hasSeats && (purchase.plan ?? present) == present
        return purchase
    }
}
