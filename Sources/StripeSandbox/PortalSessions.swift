import JSON

// The customer portal: docs.stripe.com/api/customer_portal/sessions.

extension Account {
    static let portalFields = [
        "customer", "return_url", "configuration", "locale", "flow_data*", "expand*",
    ]
    /// How long the link and the buttons of a portal session work.
    static let portalLifetime: Int64 = 3_600

    func createPortalSession(_ parameters: Parameters) throws -> JSONValue {
        let customer = try parameters.required("customer")
        _ = try getLive(.customer, customer, param: "customer")
        if let configuration = parameters.text("configuration") {
            let known = try get(.portalConfiguration, configuration, param: "configuration")
            guard known["active"]?.bool == true else {
                throw StripeError.invalid(
                    "The portal configuration \(configuration) is inactive.",
                    param: "configuration")
            }
        }
        let id = newID("bps")
        let session: JSONValue = [
            "id": .string(id), "object": "billing_portal.session",
            "configuration": .string(parameters.text("configuration") ?? "bpc_sandbox"),
            "created": .int(now), "customer": .string(customer), "flow": .null,
            "livemode": false, "locale": .text(parameters.text("locale")),
            "on_behalf_of": .null, "return_url": .text(parameters.text("return_url")),
            "url": .string("\(baseURL)/p/session/\(id)"),
        ]
        try save(session)
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
        guard now < (session["created"]?.int ?? 0) + Self.portalLifetime else {
            throw StripeError(410, "invalid_request_error", "This link has expired.")
        }
        return session
    }

    /// What the portal page shows: the subscriptions that are not over, newest first.
    func portalSubscriptions(of session: JSONValue) throws -> [JSONValue] {
        try all(.subscription, .customer, is: session["customer"]?.string ?? "")
            .filter { !Self.isEnded($0) }.reversed()
    }

    func pricesOnSale() throws -> [JSONValue] {
        try all(.price, .status, is: "active").filter { $0["type"] == "recurring" }
    }

    /// Carries out a button of the portal page, through the same code as the API.
    func usePortal(_ session: JSONValue, _ form: Parameters) throws {
        let subscription = try getLive(
            .subscription, try form.required("subscription"), param: "subscription")
        guard let id = subscription["id"]?.string,
            subscription["customer"]?.string == session["customer"]?.string
        else { throw StripeError.invalid("This subscription belongs to somebody else.") }
        var entries: [(path: [String], value: String)] = []
        let offer = try portalOffer(of: session)
        switch form.text("action") {
        case "cancel" where !offer.cancels, "upgrade" where !offer.changesPlans,
            "switch" where !offer.changesPlans:
            throw StripeError.invalid("The portal's configuration does not offer this.")
        case "cancel" where offer.endsAtOnce:
            _ = try cancelSubscription(id, Parameters([]))
            return
        case "cancel": entries = [(["cancel_at_period_end"], "true")]
        case "resume": entries = [(["cancel_at_period_end"], "false")]
        case "upgrade", "switch":
            guard let item = SubscriptionItem.all(of: subscription).first else { return }
            let price = try get(.price, try form.required("price"), param: "price")
            // As a portal should be set up that sells: what costs more is paid for at once.
            let costsMore = PriceTerms(price).unitAmount > item.terms.unitAmount
            entries = [
                (["items", "0", "id"], item.id),
                (["items", "0", "price"], price["id"]?.string ?? ""),
                (["items", "0", "quantity"], String(item.quantity)),
                (["proration_behavior"], costsMore ? "always_invoice" : "create_prorations"),
            ]
        default: throw StripeError.invalid("Unknown action", param: "action")
        }
        let parameters = Parameters(
            entries.map { Parameters.Entry(path: $0.path, value: $0.value) })
        _ = try updateSubscription(id, parameters)
    }
}
