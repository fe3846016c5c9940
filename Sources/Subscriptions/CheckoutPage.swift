import Billing
import Foundation
import HTTPEndpoint
import Ledger
import LedgerStore
import Stripe
import Values

/// What a checkout page is to sell to a holder, and on which terms.
package struct CheckoutSale: Sendable {
    package let order: Checkouts.Order
    package let plan: Plan
    /// Gives the holder an account, if there is none.
    let before: @Sendable () async throws -> Void
    /// 0 for who has had a trial.
    let trialDays: @Sendable (Account) async throws -> Int64
    let takesCodes: @Sendable (Account) async throws -> Bool
    /// Whether the terms of the page hold still, once it is there.
    let holds: @Sendable (_ trialDays: Int64) async throws -> Bool

    package init(
        order: Checkouts.Order, plan: Plan, before: @escaping @Sendable () async throws -> Void,
        trialDays: @escaping @Sendable (Account) async throws -> Int64,
        takesCodes: @escaping @Sendable (Account) async throws -> Bool = { _ in false },
        holds: @escaping @Sendable (Int64) async throws -> Bool = { _ in true }
    ) {
        self.order = order
        self.plan = plan
        self.before = before
        self.trialDays = trialDays
        self.takesCodes = takesCodes
        self.holds = holds
    }
}

/// A page on which a plan is paid for. At most one is open for a holder.
extension CareerBillingService {
    /// A page is open for a day; one that is nearly over is not handed out again. In seconds.
    static let pageLifetime: Int64 = 86_400
    static let pageReserve: Int64 = 1800

    /// A plan that is sold now.
    /// - Throws: ``Problem/planNotFound``.
    package func planForSale(_ id: UUID) async throws -> Plan {
        let plan = try await catalog.ifOffered(in: database)?.plan(id)
        guard let plan, plan.isActive, plan.kind == .paid else { throw Problem.planNotFound }
        return plan
    }

    /// - Throws: ``Problem/alreadySubscribed``, ``Problem/checkoutSuperseded``, what Stripe's
    ///   client, the ledger and the database throw.
    package func openCheckout(
        _ sale: CheckoutSale, of holder: UUID, requestID: String
    ) async throws -> CareerCheckoutResponse {
        try await checkoutTurns.inTurn(holder) {
            try await sale.before()
            // What is over at Stripe, or unknown there, keeps nobody from buying.
            let live = try await liveSubscription(of: holder, requestID: requestID)
            guard live == nil else { throw Problem.alreadySubscribed }
            let account = try await subscription(of: holder).account
            do {
                return try await openPage(sale, account, requestID: requestID)
            } catch let error as StripeError where error.isUnknownCustomer {
                // The customer was deleted at Stripe, or is another account's: a new one is made.
                guard let gone = account.subscription.stripeCustomerID else { throw error }
                try await mirror.forget(gone, requestID: requestID)
                let without = try await subscription(of: holder).account
                return try await openPage(sale, without, requestID: requestID)
            }
        }
    }

    private func openPage(
        _ sale: CheckoutSale, _ account: Account, requestID: String
    ) async throws -> CareerCheckoutResponse {
        let holder = account.subscription.userID
        let now = clock.now()
        let earlier = try await checkouts.find(holder)
        if let earlier, let sessionID = earlier.sessionID {
            if earlier.fits(sale.order),
                earlier.expiresAt > now.adding(seconds: Self.pageReserve),
                let url = earlier.url, try await page(sessionID)?.status == .open
            {
                return CareerCheckoutResponse(checkoutURL: url, sessionID: sessionID)
            }
            try await replace(sessionID, of: holder, requestID: requestID)
        }
        if let customer = account.subscription.stripeCustomerID {
            try await closePages(of: customer, holder)
        }
        let attempt = try await checkouts.begin(
            sale.order, user: holder, at: now,
            expiresAt: now.adding(seconds: Self.pageLifetime))
        if let replaced = attempt.replaced, replaced != earlier?.sessionID {
            try await replace(replaced, of: holder, requestID: requestID)
        }
        let customer = try await customer(
            of: account, key: attempt.customerKey, requestID: requestID)
        return try await makePage(sale, account, customer, attempt)
    }

    private func makePage(
        _ sale: CheckoutSale, _ account: Account, _ customer: String,
        _ attempt: Checkouts.Attempt
    ) async throws -> CareerCheckoutResponse {
        let holder = account.subscription.userID
        let price = try await prices.price(of: sale.plan)
        var seats: StripeSubscriptionSchedule.Item?
        if let count = sale.order.seats {
            let seat = try await prices.seatPrice(of: sale.plan)
            seats = StripeSubscriptionSchedule.Item(priceID: seat.id, quantity: count)
        }
        let trialDays = try await sale.trialDays(account)
        let takesCodes = try await sale.takesCodes(account)
        let session = try await stripe.createCheckoutSession(
            NewStripeCheckoutSession(
                customerID: customer, priceID: price.id, seats: seats,
                clientReferenceID: holder.text, successURL: sale.order.successURL,
                cancelURL: sale.order.cancelURL, trialDays: trialDays > 0 ? Int(trialDays) : nil,
                takesPromotionCodes: takesCodes, addsTax: self.sale.addsTax,
                metadata: [product.holderKey: holder.text]),
            "checkout-\(holder.text)-\(UUID().text)")
        guard let url = session.url else { throw Problem.paymentProviderUnavailable }
        var isTheirs = try await orExpire(session.id) {
            try await checkouts.opened(
                session.id, url: url, user: holder, attempt: attempt,
                expiresAt: Timestamp(ofStripe: session.expiresAt), at: clock.now())
        }
        if isTheirs { isTheirs = try await sale.holds(trialDays) }
        guard isTheirs else {
            try await expire(session.id)
            throw Problem.checkoutSuperseded
        }
        return CareerCheckoutResponse(checkoutURL: url, sessionID: session.id)
    }

    /// Keeps a page, or has Stripe end it where that fails: nobody knows of it then.
    func orExpire<Value: Sendable>(
        _ sessionID: String, _ keep: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await keep()
        } catch {
            _ = try await expire(sessionID)
            throw error
        }
    }

    /// Ends pages of plans that Stripe has open for the holder and nobody was given: the answer was
    /// lost, or the process died before it kept the page. Those of packs stay open.
    private func closePages(of customer: String, _ holder: UUID) async throws {
        for page in try await stripe.listOpenCheckoutSessions(customer)
        where page.metadata[product.holderKey] == holder.text && !page.isPayment {
            try await expire(page.id)
        }
    }

    /// Ends a page that the holder was given before. One that was paid a moment ago has no end:
    /// what it made becomes the holder's here and now, and there is nothing left to buy.
    ///
    /// - Throws: ``Problem/alreadySubscribed``
    private func replace(
        _ sessionID: String, of holder: UUID, requestID: String
    ) async throws {
        guard try await !expire(sessionID) else { return }
        try await hear(of: sessionID, user: holder, requestID: requestID)
        if try await subscriptions.subscription(of: holder)?.account.subscription
            .stripeSubscriptionID != nil
        {
            throw Problem.alreadySubscribed
        }
    }
}
