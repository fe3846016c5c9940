extension StripeClient {
    mutating func connectSetup(_ api: StripeAPI) {
        createPortalSession = { new throws(StripeError) in
            var form = StripeForm()
            form.add("customer", new.customerID)
            form.add("return_url", new.returnURL)
            form.add("configuration", new.configurationID)
            return try await api.object(
                .post(["billing_portal", "sessions"], form), StripePortalSession.init
            ) { $0.livemode }
        }
        listPortalConfigurations = { () throws(StripeError) in
            var filter = StripeForm()
            filter.add("active", true)
            return try await api.list(
                ["billing_portal", "configurations"], filter, StripePortalConfiguration.init,
                id: { $0.id }, livemode: { $0.livemode })
        }
        savePortalConfiguration = { id, new, key throws(StripeError) in
            let path = ["billing_portal", "configurations"] + (id.map { [$0] } ?? [])
            return try await api.object(
                .post(path, new.form, key), StripePortalConfiguration.init
            ) { $0.livemode }
        }
        listWebhookEndpoints = { () throws(StripeError) in
            try await api.list(
                ["webhook_endpoints"], StripeForm(), StripeWebhookEndpoint.init, id: { $0.id },
                livemode: { $0.livemode })
        }
        createWebhookEndpoint = { new, key throws(StripeError) in
            var form = StripeForm()
            form.add("url", new.url)
            for (place, event) in new.events.enumerated() {
                form.add("enabled_events[\(place)]", event)
            }
            form.add("api_version", stripeVersion)
            form.add("description", new.description)
            return try await api.object(
                .post(["webhook_endpoints"], form, key), StripeWebhookEndpoint.init
            ) { $0.livemode }
        }
    }
}

extension NewStripePortalConfiguration {
    /// Cards, invoices and what else is wanted; no change of plan.
    fileprivate var form: StripeForm {
        var form = StripeForm()
        form.add("business_profile[headline]", headline)
        form.add("default_return_url", returnURL)
        form.add("features[customer_update][enabled]", hasAddress)
        if hasAddress { form.add("features[customer_update][allowed_updates][0]", "address") }
        form.add("features[invoice_history][enabled]", true)
        form.add("features[payment_method_update][enabled]", true)
        form.add("features[subscription_cancel][enabled]", cancels)
        if cancels {
            form.add("features[subscription_cancel][mode]", "at_period_end")
            form.add("features[subscription_cancel][proration_behavior]", "none")
        }
        form.add("features[subscription_update][enabled]", false)
        form.add("metadata", metadata)
        return form
    }
}
