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

extension NewStripePaymentSession {
    fileprivate var form: StripeForm {
        var form = StripeForm()
        form.add("mode", "payment")
        form.add("customer", customerID)
        form.add("client_reference_id", clientReferenceID)
        form.add("line_items[0][price]", priceID)
        form.add("line_items[0][quantity]", 1)
        form.add("success_url", successURL)
        form.add("cancel_url", cancelURL)
        form.add("metadata", metadata)
        form.add("payment_intent_data[metadata]", metadata)
        return form
    }
}

extension NewStripeCheckoutSession {
    fileprivate var form: StripeForm {
        var form = StripeForm()
        form.add("mode", "subscription")
        form.add("customer", customerID)
        form.add("client_reference_id", clientReferenceID)
        form.add("line_items[0][price]", priceID)
        form.add("line_items[0][quantity]", 1)
        form.add("success_url", successURL)
        form.add("cancel_url", cancelURL)
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
