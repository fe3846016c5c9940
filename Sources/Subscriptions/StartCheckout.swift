import Billing
import Database
import Foundation
import HTTPEndpoint
import Ledger
import Stripe
import Users
import Values

struct StartCheckout: Action {
    /// A page is open for a day; one that is nearly over is not handed out again. In seconds.
    static let pageLifetime: Int64 = 86_400
    static let pageReserve: Int64 = 1800

    let billing: CareerBillingService

    static let about = About(
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

    func read(_ input: inout InputReader) -> CareerCheckoutRequest {
        input.body(CareerCheckoutRequest.self)
    }

    func perform(
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
            request.order, user: user, expiresAt: now.adding(seconds: Self.pageLifetime))
        if let replaced = attempt.replaced, replaced != earlier?.sessionID {
            try await replace(replaced, of: user, requestID: requestID)
        }
        let customer = try await customer(
            of: account, attempt, checkouts, requestID: requestID)
        return try await openPage(request, plan, account, customer, attempt)
    }

    private func openPage(
        _ request: CareerCheckoutRequest, _ plan: Plan, _ account: Account, _ customer: String,
        _ attempt: Checkouts.Attempt
    ) async throws -> CareerCheckoutResponse {
        let user = account.subscription.userID
        let price = try await billing.prices.price(of: plan)
        let trialDays = account.subscription.trialUsed ? 0 : plan.trialDays
        let session = try await billing.stripe.createCheckoutSession(
            NewStripeCheckoutSession(
                customerID: customer, priceID: price.id, clientReferenceID: user.text,
                successURL: request.successURL, cancelURL: request.cancelURL,
                trialDays: trialDays > 0 ? Int(trialDays) : nil,
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

    /// Ends pages that Stripe has open for the user and nobody was given: the answer was lost, or
    /// the process died before it kept the page.
    private func closePages(of customer: String, _ user: UUID) async throws {
        for page in try await billing.stripe.listOpenCheckoutSessions(customer)
        where page.metadata["user_id"] == user.text {
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

    /// The user's one customer at Stripe. The attempt's idempotency key makes two racing first
    /// checkouts meet in one, and the next attempt after a crash or a lost answer find it. Once
    /// Stripe has refused, it would repeat the refusal for a day: the next attempt has a new key.
    ///
    /// - Throws: ``Problem`` 401 where the user was erased meanwhile; then nothing of them stays at
    ///   Stripe.
    private func customer(
        of account: Account, _ attempt: Checkouts.Attempt, _ checkouts: Checkouts,
        requestID: String
    ) async throws -> String {
        if let known = account.subscription.stripeCustomerID { return known }
        let user = account.subscription.userID
        let email = try await billing.database.read { connection in
            try UserRow.find(id: user, in: connection)?.email
        }
        let customer: StripeCustomer
        do {
            customer = try await billing.stripe.createCustomer(
                NewStripeCustomer(userID: user.text, email: email), attempt.customerKey)
        } catch {
            if error.usesUpIdempotencyKey {
                try await checkouts.forgetCustomerKey(attempt.customerKey)
            }
            throw error
        }
        let linked = try await billing.ledger.perform(
            LinkCustomer(userID: user, customerID: customer.id),
            alongside: { connection, _ in
                try Checkouts.forgetCustomerKey(attempt.customerKey, in: connection)
            })
        guard let linked else {
            let now = billing.clock.now()
            try await billing.database.write { [billing] connection in
                try billing.erased.handOver(
                    customer.id, requestID: requestID, in: connection, now: now)
            }
            throw Problem.unauthorized
        }
        return linked
    }
}

struct CareerCheckoutRequest: JSONInput {
    let planID: UUID
    let successURL: String
    let cancelURL: String

    var order: Checkouts.Order {
        Checkouts.Order(planID: planID, successURL: successURL, cancelURL: cancelURL)
    }

    static let about = "Which plan, and where to come back to."

    init(_ reader: inout ObjectReader) {
        planID = reader.required("plan_id", .uuid, "A paid plan.")
        successURL = reader.required(
            "success_url", .webAddress,
            "Where the user comes back to; `{CHECKOUT_SESSION_ID}` in it is filled in.")
        cancelURL = reader.required(
            "cancel_url", .webAddress, "Where the user comes back to without having paid.")
    }
}

struct CareerCheckoutResponse: JSONObjectOutput {
    let checkoutURL: String
    let sessionID: String

    static let about = "A page on which to pay."
    static let fields: [OutputField<CareerCheckoutResponse>] = [
        OutputField("checkout_url", .text, "Send the user there.") { $0.checkoutURL },
        OutputField("session_id", .text, "The checkout's id at Stripe.") { $0.sessionID },
    ]
}

extension InputKind where Value == String {
    /// An absolute address that a browser can be sent to; nothing else may be, or it could be made
    /// to run a script.
    static var webAddress: InputKind<String> {
        .text(1...2048, format: "uri")
            .satisfying("url", "must be an absolute http or https address") { text in
                let address = text.replacing("{CHECKOUT_SESSION_ID}", with: "CHECKOUT_SESSION_ID")
                guard address.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
                    let url = URL(string: address), let scheme = url.scheme?.lowercased()
                else { return false }
                return (scheme == "http" || scheme == "https") && url.host?.isEmpty == false
                    && url.user == nil
            }
    }
}
