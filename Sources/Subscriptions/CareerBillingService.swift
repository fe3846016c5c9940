import Billing
import Database
import Foundation
import HTTPEndpoint
import Ledger
import LedgerStore
import Packs
import Stripe
import Users
import Values

/// What the actions on a holder's subscription at Stripe share, whichever product it is of: a
/// user's, a workspace's. Each action is a file of its own; none changes an account by itself: it
/// asks Stripe and then mirrors what Stripe says.
public struct CareerBillingService: Sendable {
    package let stripe: StripeClient
    package let database: any Database
    package let ledger: CareerLedger
    package let subscriptions: CareerSubscriptionService
    package let catalog: CatalogStore
    package let prices: StripePrices
    package let mirror: StripeMirror
    package let packs: PackMirror
    package let erased: ErasedCustomers
    package let moves: UnfinishedMoves
    package var product: BilledProduct { mirror.product }
    package let former: FormerAccounts
    package let sale: SalePolicy
    package let clock: DecisionClock

    package init(
        stripe: StripeClient, database: any Database, ledger: CareerLedger,
        subscriptions: CareerSubscriptionService, catalog: CatalogStore, prices: StripePrices,
        mirror: StripeMirror, packs: PackMirror, erased: ErasedCustomers, moves: UnfinishedMoves,
        former: FormerAccounts, sale: SalePolicy, clock: DecisionClock
    ) {
        self.stripe = stripe
        self.database = database
        self.ledger = ledger
        self.subscriptions = subscriptions
        self.catalog = catalog
        self.prices = prices
        self.mirror = mirror
        self.packs = packs
        self.erased = erased
        self.moves = moves
        self.former = former
        self.sale = sale
        self.clock = clock
    }
    package var checkouts: Checkouts { Checkouts(database: database, of: product) }
    package let checkoutTurns = UserTurns()
    /// Moves of a user's plan come one after another.
    package let moveTurns = UserTurns()

    /// - Throws: ``Problem/subscriptionNotFound``
    package func subscription(of user: UUID) async throws -> (account: Account, plan: Plan) {
        guard let found = try await subscriptions.subscription(of: user) else {
            throw Problem.subscriptionNotFound
        }
        return found
    }

    /// The user's subscription as Stripe has it now. Every action on a subscription begins here, so
    /// that none acts on what is not the user's.
    ///
    /// - Returns: `nil` where the user has none. Where it is over at Stripe, unknown there or of
    ///   another customer, it has ended here too by then.
    package func liveSubscription(
        of user: UUID, requestID: String?
    ) async throws -> StripeSubscription? {
        let known = try await subscription(of: user).account.subscription
        guard let id = known.stripeSubscriptionID else { return nil }
        if let theirs = try await find(id), !theirs.isOver,
            theirs.customerID == known.stripeCustomerID ?? theirs.customerID
        {
            return theirs
        }
        try await mirror.refresh(id, userID: user, requestID: requestID)
        // Another subscription, or a newer state of this one, may have been heard of meanwhile.
        guard try await subscription(of: user).account.subscription.stripeSubscriptionID == nil
        else { throw Problem.paymentProviderUnavailable }
        return nil
    }

    private func find(_ subscriptionID: String) async throws -> StripeSubscription? {
        try await ifKnown { () async throws(StripeError) in
            try await stripe.retrieveSubscription(subscriptionID)
        }
    }

    /// Ends a checkout page.
    ///
    /// - Returns: false where the page was open no longer.
    @discardableResult
    package func expire(_ sessionID: String) async throws -> Bool {
        do {
            _ = try await stripe.expireCheckoutSession(sessionID)
            return true
        } catch {
            guard error.isRefusal else { throw error }
            return false
        }
    }

    /// Mirrors what a checkout page has made, if anything: it may have been paid a moment ago.
    package func hear(of sessionID: String, user: UUID, requestID: String?) async throws {
        guard let subscriptionID = try await page(sessionID)?.subscriptionID else { return }
        try await mirror.refresh(subscriptionID, userID: user, requestID: requestID)
    }

    /// - Returns: `nil` where Stripe does not know the page.
    package func page(_ sessionID: String) async throws -> StripeCheckoutSession? {
        try await ifKnown { () async throws(StripeError) in
            try await stripe.retrieveCheckoutSession(sessionID)
        }
    }
}
