import CareerDomain
import Database
import Foundation
import HTTPEndpoint
import Stripe

/// What the actions on a user's subscription at Stripe share. Each action is a file of its own in
/// `Subscriptions/`; none changes an account by itself: it asks Stripe and then mirrors what
/// Stripe says.
public struct CareerBillingService: Sendable {
    let stripe: StripeClient
    let database: any Database
    let ledger: CareerLedger
    let subscriptions: CareerSubscriptionService
    let catalog: CatalogStore
    let prices: StripePrices
    let mirror: StripeMirror
    let erased: ErasedCustomers
    let clock: DecisionClock
    let checkoutTurns = UserTurns()

    /// - Throws: ``Problem/subscriptionNotFound``
    func subscription(of user: UUID) async throws -> (account: Account, plan: Plan) {
        guard let found = try await subscriptions.subscription(of: user) else {
            throw Problem.subscriptionNotFound
        }
        return found
    }

    /// Ends a subscription at once; one that is over already stays so.
    func end(_ subscriptionID: String) async throws {
        do {
            _ = try await stripe.cancelSubscription(subscriptionID)
        } catch {
            guard case .notFound = error.kind else { throw error }
        }
    }

    /// Ends a checkout page.
    ///
    /// - Returns: false where the page was open no longer.
    @discardableResult
    func expire(_ sessionID: String) async throws -> Bool {
        do {
            _ = try await stripe.expireCheckoutSession(sessionID)
            return true
        } catch {
            guard error.isRefusal else { throw error }
            return false
        }
    }
}
