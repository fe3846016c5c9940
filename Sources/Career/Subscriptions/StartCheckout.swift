import CareerDomain
import Database
import Foundation
import HTTPEndpoint
import Stripe

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
            .planNotFound, .alreadySubscribed, .checkoutSuperseded, .paymentProviderUnavailable,
            .paymentProviderError,
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
        guard
            let plan = try await billing.catalog.current(in: billing.database).plan(request.planID),
            plan.isActive, plan.kind == .paid
        else { throw Problem.planNotFound }
        return try await billing.checkoutTurns.inTurn(user) {
            let account = try await billing.subscriptions.createFreeSubscription(
                for: user, former: nil)
            guard account.subscription.stripeSubscriptionID == nil else {
                throw Problem.alreadySubscribed
            }
            return try await openCheckout(request, plan, account, requestID: requestID)
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
            if earlier.fits(request), earlier.expiresAt > now.adding(seconds: Self.pageReserve),
                let url = earlier.url,
                try await billing.stripe.retrieveCheckoutSession(sessionID).status == .open
            {
                return CareerCheckoutResponse(checkoutURL: url, sessionID: sessionID)
            }
            try await replace(sessionID, of: user, requestID: requestID)
        }
        let customer = try await customer(of: account, requestID: requestID)
        let price = try await billing.prices.price(of: plan)
        let attempt = try await checkouts.begin(
            request, user: user, expiresAt: now.adding(seconds: Self.pageLifetime))
        if let replaced = attempt.replaced, replaced != earlier?.sessionID {
            try await replace(replaced, of: user, requestID: requestID)
        }
        let trialDays = account.subscription.trialUsed ? 0 : plan.trialDays
        let session = try await billing.stripe.createCheckoutSession(
            NewStripeCheckoutSession(
                customerID: customer, priceID: price.id, clientReferenceID: user.text,
                successURL: request.successURL, cancelURL: request.cancelURL,
                trialDays: trialDays > 0 ? Int(trialDays) : nil,
                metadata: ["user_id": user.text]),
            "checkout-\(user.text)-\(attempt.number)")
        guard let url = session.url else { throw Problem.paymentProviderUnavailable }
        let isLatest = try await checkouts.opened(
            session.id, url: url, user: user, attempt: attempt,
            expiresAt: Timestamp(ofStripe: session.expiresAt))
        guard isLatest else {
            try await billing.expire(session.id)
            throw Problem.checkoutSuperseded
        }
        return CareerCheckoutResponse(checkoutURL: url, sessionID: session.id)
    }

    /// Ends a page that the user was given before. One that was paid a moment ago has no end: what
    /// it made becomes the user's here and now, and there is nothing left to buy.
    ///
    /// - Throws: ``Problem/alreadySubscribed``
    private func replace(_ sessionID: String, of user: UUID, requestID: String) async throws {
        guard try await !billing.expire(sessionID),
            let subscriptionID = try await subscription(madeBy: sessionID)
        else { return }
        try await billing.mirror.refresh(subscriptionID, userID: user, requestID: requestID)
        if try await billing.subscriptions.subscription(of: user)?.account.subscription
            .stripeSubscriptionID != nil
        {
            throw Problem.alreadySubscribed
        }
    }

    private func subscription(madeBy sessionID: String) async throws -> String? {
        do {
            return try await billing.stripe.retrieveCheckoutSession(sessionID).subscriptionID
        } catch {
            guard case .notFound = error.kind else { throw error }
            return nil
        }
    }

    /// The user's one customer at Stripe. The idempotency key makes two racing first checkouts
    /// meet in one; it counts the customers that were deleted at Stripe, so that Stripe does not
    /// answer with one of those.
    ///
    /// - Throws: ``Problem`` 401 where the user was erased meanwhile; then nothing of them stays at
    ///   Stripe.
    private func customer(of account: Account, requestID: String) async throws -> String {
        if let known = account.subscription.stripeCustomerID { return known }
        let user = account.subscription.userID
        let subscription = account.subscription.id
        let (email, deleted) = try await billing.database.read { connection -> (String?, Int64) in
            let row = try connection.queryOne(
                """
                SELECT email, (SELECT count(*) FROM subscription_changes
                    WHERE subscription_id = ? AND event = ?)
                FROM users WHERE id = ?
                """, [.uuid(subscription), .text(UnlinkCustomer.event), .uuid(user)])
            guard var reader = row?.reader else { return (nil, 0) }
            return try (reader.optionalText(), reader.integer())
        }
        let customer = try await billing.stripe.createCustomer(
            NewStripeCustomer(userID: user.text, email: email),
            "customer-\(user.text)-\(deleted)")
        let outcome = try await billing.ledger.perform(
            LinkCustomer(userID: user, customerID: customer.id))
        guard let outcome else {
            let now = billing.clock.now()
            try await billing.database.write { [billing] connection in
                try billing.erased.handOver(
                    customer.id, requestID: requestID, in: connection, now: now)
            }
            throw Problem.unauthorized
        }
        return outcome
    }
}

struct CareerCheckoutRequest: JSONInput {
    let planID: UUID
    let successURL: String
    let cancelURL: String

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
