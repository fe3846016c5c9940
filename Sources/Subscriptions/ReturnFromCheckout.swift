import Billing
import FoundationEssentials

extension CareerBillingService {
    /// Mirrors what a user has bought who comes back from the checkout: the webhook that tells of
    /// it may still be on its way.
    ///
    /// - Returns: whether the user is on a paid plan now.
    /// - Throws: what Stripe's client, the ledger and the database throw.
    package func returned(
        from sessionID: String, user: UUID, requestID: String
    ) async throws -> Bool {
        // Whoever knows another's session learns nothing by it.
        if let page = try await page(sessionID), page.metadata["user_id"] == user.text {
            try await hear(of: sessionID, user: user, requestID: requestID)
        }
        return try await subscription(of: user).account.subscription.stripeSubscriptionID != nil
    }
}
