import Billing
import FoundationEssentials
import Packs

extension CareerBillingService {
    /// Mirrors what a holder has bought who comes back from the checkout: the webhook that tells of
    /// it may still be on its way.
    ///
    /// - Parameter user: the holder: a user or a workspace.
    /// - Returns: whether the holder is on a paid plan now.
    /// - Throws: what Stripe's client, the ledger and the database throw.
    package func returned(
        from sessionID: String, user: UUID, requestID: String
    ) async throws -> Bool {
        // Whoever knows another's session learns nothing by it.
        if let page = try await page(sessionID), page.metadata[product.holderKey] == user.text {
            try await hear(of: sessionID, user: user, requestID: requestID)
        }
        return try await subscription(of: user).account.subscription.stripeSubscriptionID != nil
    }

    /// The same of who comes back from a pack's page.
    ///
    /// - Returns: whether the pack is granted by now.
    /// - Throws: what Stripe's client, the ledger and the database throw.
    package func returnedWithPack(
        from sessionID: String, user: UUID, requestID: String
    ) async throws -> Bool {
        if try await purchases.isPaid(sessionID, by: user) { return true }
        guard let page = try await page(sessionID), page.metadata["user_id"] == user.text else {
            return false
        }
        try await packs.refresh(sessionID, requestID: requestID)
        return try await purchases.isPaid(sessionID, by: user)
    }
}
