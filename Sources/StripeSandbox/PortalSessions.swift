import JSON

// The customer portal: docs.stripe.com/api/customer_portal/sessions.

extension Account {
    private static let flowFields = [
        "type", "after_completion[type]", "after_completion[redirect][return_url]",
        "after_completion[hosted_confirmation][custom_message]",
        "subscription_cancel[subscription]", "subscription_update[subscription]",
        "subscription_update_confirm[subscription]",
        "subscription_update_confirm[items][][id]", "subscription_update_confirm[items][][price]",
        "subscription_update_confirm[items][][quantity]",
    ]
    static let portalFields =
        ["customer", "return_url", "configuration", "locale", "expand*"]
        + flowFields.map { name in
            let open = name.firstIndex(of: "[") ?? name.endIndex
            return "flow_data[\(name[..<open])]\(name[open...])"
        }
    /// How long the link and the buttons of a portal session work.
    static let portalLifetime: Int64 = 3_600

    func createPortalSession(_ parameters: Parameters) throws -> JSONValue {
        let customer = try parameters.required("customer")
        _ = try getLive(.customer, customer, param: "customer")
        let chosen = parameters.text("configuration") ?? Self.defaultConfiguration
        let configuration = try configuration(chosen, param: "configuration")
        guard configuration["active"]?.bool == true else {
            throw StripeError.invalid(
                "The configuration \(chosen) is not active.", param: "configuration")
        }
        let returnURL = parameters.text("return_url")
        if let returnURL { try checkURL(returnURL, param: "return_url") }
        let id = newID("bps")
        let session: JSONValue = [
            "id": .string(id), "object": "billing_portal.session",
            "configuration": .string(chosen), "created": .int(sandboxTime),
            "customer": .string(customer),
            "flow": try flow(parameters, of: customer, configuration),
            "livemode": false, "locale": .text(try locale(parameters)),
            "on_behalf_of": .null,
            "return_url": .text(returnURL ?? configuration["default_return_url"]?.string),
            "url": .string("\(baseURL)/p/session/\(id)"),
        ]
        try save(session)
        try emit("billing_portal.session.created", session)
        return session
    }

    /// Follows the link, which opens the page once. That it has done so is noted beside what Stripe
    /// knows of a session; no answer shows it, since a session is answered only when it is created.
    func openPortalLink(_ id: String) throws -> JSONValue {
        var session = try runningPortalSession(id)
        guard session["link_is_used"]?.bool != true else {
            throw StripeError(
                410, "invalid_request_error",
                "This link has been used. Create another portal session.")
        }
        session.set("link_is_used", to: true)
        try save(session)
        return session
    }

    /// Lets the page open once more: for the browser that a button has sent back to it.
    func renewPortalLink(of session: JSONValue) throws {
        var session = session
        session.set("link_is_used", to: false)
        try save(session)
    }

    /// The session, while its buttons work.
    func runningPortalSession(_ id: String) throws -> JSONValue {
        let session = try get(.portalSession, id)
        guard sandboxTime < (session["created"]?.int ?? 0) + Self.portalLifetime else {
            throw StripeError(410, "invalid_request_error", "This link has expired.")
        }
        return session
    }

    // MARK: Flows

    private func flow(
        _ parameters: Parameters, of customer: String, _ configuration: JSONValue
    ) throws -> JSONValue {
        let data = parameters.scope("flow_data")
        guard !data.entries.isEmpty else { return .null }
        _ = try data.required("type")
        let type = try data.choice(
            "type",
            of: [
                "payment_method_update", "subscription_cancel", "subscription_update",
                "subscription_update_confirm",
            ], default: "")
        let feature =
            type == "subscription_update_confirm" ? "subscription_update" : type
        guard configuration.at("features", feature, "enabled")?.bool == true else {
            throw StripeError.invalid(
                "This subscription cannot be updated because the `\(feature)` feature of the "
                    + "portal configuration is disabled.", param: "flow_data[type]")
        }
        var flow: JSONValue = [
            "after_completion": try afterCompletion(data), "subscription_cancel": .null,
            "subscription_update": .null, "subscription_update_confirm": .null,
            "type": .string(type),
        ]
        guard type != "payment_method_update" else { return flow }
        let id = try data.required(type, "subscription")
        let subscription = try get(.subscription, id, param: "flow_data[\(type)][subscription]")
        guard subscription["customer"]?.string == customer, !Self.isEnded(subscription) else {
            throw StripeError.invalid(
                "The subscription \(id) is not one of the customer that can be updated.",
                param: "flow_data[\(type)][subscription]")
        }
        switch type {
        case "subscription_cancel":
            flow.set(type, to: ["retention": .null, "subscription": .string(id)])
        case "subscription_update": flow.set(type, to: ["subscription": .string(id)])
        default:
            let items = try flowItems(data.scope(type), of: subscription, configuration)
            flow.set(
                type, to: ["discounts": [], "items": items, "subscription": .string(id)])
        }
        return flow
    }

    private func afterCompletion(_ data: Parameters) throws -> JSONValue {
        let type = try data.choice(
            "after_completion", "type",
            of: ["hosted_confirmation", "portal_homepage", "redirect"],
            default: "portal_homepage")
        var redirect = JSONValue.null
        if type == "redirect" {
            let url = try data.required("after_completion", "redirect", "return_url")
            try checkURL(url, param: "flow_data[after_completion][redirect][return_url]")
            redirect = ["return_url": .string(url)]
        }
        let message = data.text("after_completion", "hosted_confirmation", "custom_message")
        return [
            "hosted_confirmation": type == "hosted_confirmation"
                ? ["custom_message": .text(message)] : .null,
            "redirect": redirect, "type": .string(type),
        ]
    }

    private func flowItems(
        _ data: Parameters, of subscription: JSONValue, _ configuration: JSONValue
    ) throws -> JSONValue {
        let items = try data.list("items").map { element -> JSONValue in
            let id = try element.required("id")
            guard SubscriptionItem.all(of: subscription).contains(where: { $0.id == id }) else {
                throw StripeError.invalid(
                    "The item \(id) is none of the subscription.",
                    param: "flow_data[subscription_update_confirm][items][0][id]")
            }
            if let price = element.text("price") {
                try checkOffer(price, in: configuration)
            }
            return [
                "id": .string(id), "price": .text(element.text("price")),
                "quantity": .integer(try element.int("quantity")),
            ]
        }
        guard !items.isEmpty else {
            throw StripeError.invalid(
                "Missing required param: items.",
                param: "flow_data[subscription_update_confirm][items]", code: "parameter_missing")
        }
        return .array(items)
    }

    private func checkOffer(_ price: String, in configuration: JSONValue) throws {
        guard try offers(configuration).contains(where: { $0["id"]?.string == price }) else {
            throw StripeError.invalid(
                "The price \(price) cannot be chosen in the portal's configuration.",
                param: "price")
        }
    }
}

extension Account {
    /// The languages that a hosted page can be asked for.
    static let locales = [
        "auto", "bg", "cs", "da", "de", "el", "en", "en-AU", "en-CA", "en-GB", "en-IE", "en-IN",
        "en-NZ", "en-SG", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hr", "hu", "id", "it",
        "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl",
        "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
    ]

    func locale(_ parameters: Parameters) throws -> String? {
        guard parameters.text("locale") != nil else { return nil }
        return try parameters.choice("locale", of: Self.locales, default: "auto")
    }
}
