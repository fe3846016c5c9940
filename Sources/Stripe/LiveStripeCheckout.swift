extension StripeClient {
    mutating func connectCheckout(_ api: StripeAPI) {
        createCheckoutSession = { new, key throws(StripeError) in
            try await api.checkoutSession(.post(["checkout", "sessions"], new.form, key))
        }
        createPaymentSession = { new, key throws(StripeError) in
            try await api.checkoutSession(.post(["checkout", "sessions"], new.form, key))
        }
        retrieveCheckoutSession = { id throws(StripeError) in
            try await api.checkoutSession(.get(["checkout", "sessions", id]))
        }
        listSessionsOfPayment = { paymentIntentID throws(StripeError) in
            var filter = StripeForm()
            filter.add("payment_intent", paymentIntentID)
            return try await api.checkoutSessions(filter)
        }
        listCheckoutSessions = { customerID throws(StripeError) in
            var filter = StripeForm()
            filter.add("customer", customerID)
            return try await api.checkoutSessions(filter)
        }
        listCompleteCheckoutSessions = { since throws(StripeError) in
            var filter = StripeForm()
            filter.add("status", "complete")
            filter.add("created[gte]", since)
            return try await api.checkoutSessions(filter)
        }
        listOpenCheckoutSessions = { customerID throws(StripeError) in
            var filter = StripeForm()
            filter.add("customer", customerID)
            filter.add("status", "open")
            return try await api.checkoutSessions(filter)
        }
        expireCheckoutSession = { id throws(StripeError) in
            try await api.checkoutSession(
                .post(["checkout", "sessions", id, "expire"], StripeForm()))
        }
    }
}

extension StripeAPI {
    fileprivate func checkoutSessions(
        _ filter: StripeForm
    ) async throws(StripeError) -> [StripeCheckoutSession] {
        try await list(
            ["checkout", "sessions"], filter, StripeCheckoutSession.init, id: { $0.id },
            livemode: { $0.livemode })
    }

    fileprivate func checkoutSession(
        _ call: StripeCall
    ) async throws(StripeError) -> StripeCheckoutSession {
        try await object(call, StripeCheckoutSession.init) { $0.livemode }
    }
}

extension StripeForm {
    /// A page that sells one of a price.
    fileprivate init(
        mode: String, customer: String, reference: String, price: String, success: String,
        cancel: String
    ) {
        self.init()
        add("mode", mode)
        add("customer", customer)
        add("client_reference_id", reference)
        add("line_items[0][price]", price)
        add("line_items[0][quantity]", 1)
        add("success_url", success)
        add("cancel_url", cancel)
    }
}

extension NewStripePaymentSession {
    fileprivate var form: StripeForm {
        var form = StripeForm(
            mode: "payment", customer: customerID, reference: clientReferenceID, price: priceID,
            success: successURL, cancel: cancelURL)
        form.add("metadata", metadata)
        form.add("payment_intent_data[metadata]", metadata)
        // A card is saved only if its owner ticks that on the page.
        form.add("saved_payment_method_options[payment_method_save]", "enabled")
        return form
    }
}

extension NewStripeCheckoutSession {
    fileprivate var form: StripeForm {
        var form = StripeForm(
            mode: "subscription", customer: customerID, reference: clientReferenceID,
            price: priceID,
            success: successURL, cancel: cancelURL)
        if let seats {
            form.add("line_items[1][price]", seats.priceID)
            form.add("line_items[1][quantity]", seats.quantity)
        }
        form.add("expires_at", expiresAt)
        form.add("metadata", metadata)
        form.add("subscription_data[trial_period_days]", trialDays.map { Int64($0) })
        form.add("subscription_data[metadata]", metadata)
        if takesPromotionCodes {
            form.add("allow_promotion_codes", true)
            form.add("payment_method_collection", "if_required")
        }
        if addsTax {
            form.add("automatic_tax[enabled]", true)
            form.add("billing_address_collection", "required")
            form.add("customer_update[address]", "auto")
        }
        return form
    }
}

/// A hosted page on which a user buys something once.
public struct NewStripePaymentSession: Sendable, Equatable {
    public var customerID: String
    public var priceID: String
    /// The user's id; it comes back with the completed session.
    public var clientReferenceID: String
    /// `{CHECKOUT_SESSION_ID}` in it is replaced by Stripe.
    public var successURL: String
    public var cancelURL: String
    /// Kept with the session and with its payment, which Stripe does not do by itself.
    public var metadata: [String: String]

    public init(
        customerID: String, priceID: String, clientReferenceID: String, successURL: String,
        cancelURL: String, metadata: [String: String]
    ) {
        self.customerID = customerID
        self.priceID = priceID
        self.clientReferenceID = clientReferenceID
        self.successURL = successURL
        self.cancelURL = cancelURL
        self.metadata = metadata
    }
}
