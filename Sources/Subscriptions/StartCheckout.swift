import Billing
import Database
import Foundation
import HTTPEndpoint
import Ledger
import LedgerStore
import Stripe
import Users
import Values

package struct StartCheckout: Action {
    /// A page is open for a day; one that is nearly over is not handed out again. In seconds.
    static let pageLifetime: Int64 = 86_400
    static let pageReserve: Int64 = 1800

    let billing: CareerBillingService

    package init(billing: CareerBillingService) {
        self.billing = billing
    }

    package static let about = About(
        "Buy a plan on Stripe's checkout page",
        details: """
            A user has at most one open page: asking again for the same returns it. The trial is \
            given once a user.
            """,
        access: .user,
        refusals: [
            .planNotFound, .subscriptionNotFound, .alreadySubscribed, .checkoutSuperseded,
            .paymentProviderUnavailable, .paymentProviderError,
        ])

    package func read(_ input: inout InputReader) -> CareerCheckoutRequest {
        input.body(CareerCheckoutRequest.self)
    }

    package func perform(
        _ request: CareerCheckoutRequest, _ call: Call
    ) async throws -> Reply<CareerCheckoutResponse> {
        Reply(try await checkout(request, user: call.user().userID, requestID: call.id))
    }

    /// A page on which the user pays for a plan. At most one is open for a user.
    private func checkout(
        _ request: CareerCheckoutRequest, user: UUID, requestID: String
    ) async throws -> CareerCheckoutResponse {
        let catalog = try await billing.catalog.current(in: billing.database)
        guard let plan = catalog.plan(request.planID), plan.isActive, plan.kind == .paid else {
            throw Problem.planNotFound
        }
        return try await billing.checkoutTurns.inTurn(user) {
            _ = try await billing.subscriptions.createFreeSubscription(for: user, former: nil)
            // What is over at Stripe, or unknown there, keeps nobody from buying.
            let live = try await billing.liveSubscription(of: user, requestID: requestID)
            guard live == nil else { throw Problem.alreadySubscribed }
            let account = try await billing.subscription(of: user).account
            do {
                return try await openCheckout(request, plan, account, requestID: requestID)
            } catch let error as StripeError where error.isUnknownCustomer {
                // The customer was deleted at Stripe, or is another account's: a new one is made.
                guard let gone = account.subscription.stripeCustomerID else { throw error }
                try await billing.mirror.forget(gone, requestID: requestID)
                let without = try await billing.subscription(of: user).account
                return try await openCheckout(request, plan, without, requestID: requestID)
            }
        }
    }

    private func openCheckout(
        _ request: CareerCheckoutRequest, _ plan: Plan, _ account: Account, requestID: String
    ) async throws -> CareerCheckoutResponse {
        let user = account.subscription.userID
        let checkouts = Checkouts(database: billing.database)
        let now = billing.clock.now()
        let earlier = try await checkouts.find(user)
        if let earlier, let sessionID = earlier.sessionID {
            if earlier.fits(request.order),
                earlier.expiresAt > now.adding(seconds: Self.pageReserve),
                let url = earlier.url, try await billing.page(sessionID)?.status == .open
            {
                return CareerCheckoutResponse(checkoutURL: url, sessionID: sessionID)
            }
            try await replace(sessionID, of: user, requestID: requestID)
        }
        if let customer = account.subscription.stripeCustomerID {
            try await closePages(of: customer, user)
        }
        let attempt = try await checkouts.begin(
            request.order, user: user, at: now, expiresAt: now.adding(seconds: Self.pageLifetime))
        if let replaced = attempt.replaced, replaced != earlier?.sessionID {
            try await replace(replaced, of: user, requestID: requestID)
        }
        let customer = try await billing.customer(
            of: account, key: attempt.customerKey, requestID: requestID)
        return try await openPage(request, plan, account, customer, attempt)
    }

    private func openPage(
        _ request: CareerCheckoutRequest, _ plan: Plan, _ account: Account, _ customer: String,
        _ attempt: Checkouts.Attempt
    ) async throws -> CareerCheckoutResponse {
        let user = account.subscription.userID
        let price = try await billing.prices.price(of: plan)
        let trialDays = account.subscription.trialUsed ? 0 : plan.trialDays
        let takesCodes = try await mayEnterCode(account)
        let session = try await billing.stripe.createCheckoutSession(
            NewStripeCheckoutSession(
                customerID: customer, priceID: price.id, clientReferenceID: user.text,
                successURL: request.successURL, cancelURL: request.cancelURL,
                trialDays: trialDays > 0 ? Int(trialDays) : nil, takesPromotionCodes: takesCodes,
                addsTax: billing.sale.addsTax,
                metadata: ["user_id": user.text]),
            "checkout-\(user.text)-\(UUID().text)")
        guard let url = session.url else { throw Problem.paymentProviderUnavailable }
        let isLatest = try await Checkouts(database: billing.database).opened(
            session.id, url: url, user: user, attempt: attempt,
            expiresAt: Timestamp(ofStripe: session.expiresAt))
        guard isLatest else {
            try await billing.expire(session.id)
            throw Problem.checkoutSuperseded
        }
        return CareerCheckoutResponse(checkoutURL: url, sessionID: session.id)
    }

    /// Codes are for who has never bought a plan, here or under an account that they deleted: who
    /// cancels and comes back pays what everybody pays.
    private func mayEnterCode(_ account: Account) async throws -> Bool {
        guard billing.sale.offersPromotionCodes, !account.subscription.trialUsed else {
            return false
        }
        let id = account.subscription.userID
        return try await billing.database.read { [former = billing.former] connection in
            if try LinkedSubscription.hasEverBought(user: id, in: connection) { return false }
            guard let user = try UserRow.find(id: id, in: connection) else { return false }
            return try !former.haveBought(former.key(of: user), in: connection)
        }
    }

    /// Ends pages of plans that Stripe has open for the user and nobody was given: the answer was
    /// lost, or the process died before it kept the page. Those of packs stay open.
    private func closePages(of customer: String, _ user: UUID) async throws {
        for page in try await billing.stripe.listOpenCheckoutSessions(customer)
        where page.metadata["user_id"] == user.text && !page.isPayment {
            try await billing.expire(page.id)
        }
    }

    /// Ends a page that the user was given before. One that was paid a moment ago has no end: what
    /// it made becomes the user's here and now, and there is nothing left to buy.
    ///
    /// - Throws: ``Problem/alreadySubscribed``
    private func replace(_ sessionID: String, of user: UUID, requestID: String) async throws {
        guard try await !billing.expire(sessionID) else { return }
        try await billing.hear(of: sessionID, user: user, requestID: requestID)
        if try await billing.subscriptions.subscription(of: user)?.account.subscription
            .stripeSubscriptionID != nil
        {
            throw Problem.alreadySubscribed
        }
    }
}

package struct CareerCheckoutRequest: JSONInput {
    let planID: UUID
    let successURL: String
    let cancelURL: String

    package init(planID: UUID, successURL: String, cancelURL: String) {
        self.planID = planID
        self.successURL = successURL
        self.cancelURL = cancelURL
    }

    var order: Checkouts.Order {
        Checkouts.Order(planID: planID, successURL: successURL, cancelURL: cancelURL)
    }

    package static let about = "Which plan, and where to come back to."

    package init(_ reader: inout ObjectReader) {
        planID = reader.required("plan_id", .uuid, "A paid plan.")
        successURL = reader.required(
            "success_url", .webAddress,
            "Where the user comes back to; `{CHECKOUT_SESSION_ID}` in it is filled in.")
        cancelURL = reader.required(
            "cancel_url", .webAddress, "Where the user comes back to without having paid.")
    }
}
