import JSON

// Checkout Sessions: docs.stripe.com/api/checkout/sessions. What payment mode does otherwise
// stands in CheckoutPayments.swift.

extension Account {
    static let sessionLifetime: Int64 = 24 * 3_600
    static let shortestSessionLifetime: Int64 = 30 * 60

    static let sessionFields = [
        "mode", "line_items[][price]", "line_items[][quantity]", "success_url", "cancel_url",
        "customer", "customer_email", "client_reference_id", "metadata*", "expires_at",
        "ui_mode", "locale", "allow_promotion_codes", "billing_address_collection",
        "payment_method_collection", "payment_method_types[]", "allowed_payment_method_types[]",
        "discounts[][coupon]",
        "subscription_data[trial_period_days]", "subscription_data[trial_end]",
        "subscription_data[metadata]*", "subscription_data[description]",
        "subscription_data[billing_mode][type]",
        "subscription_data[trial_settings][end_behavior][missing_payment_method]",
        "customer_creation", "payment_intent_data[description]", "payment_intent_data[metadata]*",
        "payment_intent_data[setup_future_usage]",
        "saved_payment_method_options[payment_method_save]", "expand*",
    ]
    static let maximumReferenceLength = 200
    static let maximumLines = 20
    static let sessionStatuses = ["open", "complete", "expired"]

    func createSession(_ parameters: Parameters) throws -> JSONValue {
        let id = newID("cs_test")
        let isPayment = try isPaymentMode(parameters)
        let hosted = request.version < .dahlia ? "hosted" : "hosted_page"
        guard parameters.text("ui_mode") ?? hosted == hosted else {
            throw StripeError.invalid(
                "Invalid ui_mode: this sandbox knows only hosted_page.", param: "ui_mode")
        }
        let lines = try sessionLines(parameters, isPayment: isPayment)
        let subtotal = lines.reduce(0) { $0 + PriceTerms($1.price).unitAmount * $1.quantity }
        let details = parameters.scope("subscription_data")
        let trialEnd = try trialEnd(details)
        try checkTrialEnd(details)
        let isFreeNow = trialEnd != nil
        let amount = isFreeNow ? 0 : subtotal
        let currency = lines[0].price["currency"]?.string ?? "usd"
        let given = try discounts(
            parameters, customer: parameters.text("customer") ?? "", currency: currency)
        let off = try off(amount, by: given ?? [])
        if isPayment { try checkPayment(of: amount - off, currency) }
        var session = try JSONValue.shaped(
            Self.sessionTemplate,
            [
                "id": .string(id), "created": .int(now), "amount_subtotal": .int(amount),
                "amount_total": .int(amount - off), "currency": .string(currency),
                "expires_at": .int(try expiry(parameters)),
                "metadata": try parameters.metadata(),
                "mode": .string(isPayment ? "payment" : "subscription"),
                "payment_method_collection": .string(
                    try parameters.choice(
                        "payment_method_collection", of: ["always", "if_required"],
                        default: "always")),
                "url": .string("\(baseURL)/c/pay/\(id)"),
            ])
        session.set("total_details", "amount_discount", to: .int(off))
        session.set(
            "discounts",
            to: .array(
                (given ?? []).map {
                    ["coupon": $0.at("source", "coupon") ?? .null, "promotion_code": .null]
                }))
        if isPayment { session.set("customer_creation", to: try customerCreation(parameters)) }
        try setPlainFields(parameters, of: &session)
        try setCustomer(parameters, of: &session)
        try save(session)
        try saveOrder(of: id, lines: lines, parameters, discounts: given ?? [])
        try schedule(.expireSession, id, at: session["expires_at"]?.int ?? now)
        return session
    }

    private func off(_ sum: Int64, by discounts: [JSONValue]) throws -> Int64 {
        var rest = sum
        for discount in discounts {
            let coupon = try get(.coupon, discount.at("source", "coupon")?.string ?? "")
            rest -= Reduction(coupon).off(rest)
        }
        return sum - rest
    }

    private func setPlainFields(
        _ parameters: Parameters, of session: inout JSONValue
    ) throws {
        let success = try parameters.required("success_url")
        try checkURL(success, param: "success_url")
        session.set("success_url", to: .string(success))
        if let cancel = parameters.text("cancel_url") {
            try checkURL(cancel, param: "cancel_url")
            session.set("cancel_url", to: .string(cancel))
        }
        if let reference = parameters.text("client_reference_id") {
            guard reference.count <= Self.maximumReferenceLength else {
                throw StripeError.invalid(
                    "Invalid string: must be at most \(Self.maximumReferenceLength) characters",
                    param: "client_reference_id")
            }
            session.set("client_reference_id", to: .string(reference))
        }
        session.set("locale", to: .text(try locale(parameters)))
        if let allows = try parameters.bool("allow_promotion_codes") {
            guard !allows || parameters.list("discounts").isEmpty else {
                throw StripeError.invalid(
                    "You may only specify one of these parameters: allow_promotion_codes, "
                        + "discounts.")
            }
            session.set("allow_promotion_codes", to: .bool(allows))
        }
        if parameters.text("billing_address_collection") != nil {
            let word = try parameters.choice(
                "billing_address_collection", of: ["auto", "required"], default: "auto")
            session.set("billing_address_collection", to: .string(word))
        }
        let types = try allowedTypes(parameters)
        session.set(
            "allowed_payment_method_types",
            to: types.map { .array($0.map { .string($0) }) } ?? .null)
    }

    private func sessionLines(
        _ parameters: Parameters, isPayment: Bool
    ) throws -> [(price: JSONValue, quantity: Int64)] {
        let elements = parameters.list("line_items")
        guard !elements.isEmpty else {
            throw StripeError.invalid(
                "Missing required param: line_items.", param: "line_items",
                code: "parameter_missing")
        }
        guard elements.count <= Self.maximumLines else {
            throw StripeError.invalid("Too many line items.", param: "line_items")
        }
        let lines = try elements.enumerated().map { place, element in
            let id = try element.required("price")
            let priceParam = "line_items[\(place)][price]"
            let price = try (isPayment ? oneTimePrice : sellablePrice)(id, priceParam)
            let param = "line_items[\(place)][quantity]"
            guard let quantity = try quantity(element, param: param), quantity > 0 else {
                throw StripeError.invalid(
                    "Quantity is required and must be positive.", param: param)
            }
            return (price: price, quantity: quantity)
        }
        // Prices of several intervals are not sold in one checkout.
        if isPayment {
            try checkCurrencies(of: lines.map(\.price))
        } else {
            try SubscriptionItem.check(
                lines.map(\.price), isFlexible: false, param: "line_items[0][price]")
        }
        return lines
    }

    /// A fixed end of a trial must be at least 48 hours away.
    private func checkTrialEnd(_ details: Parameters) throws {
        guard let end = try details.int("trial_end") else { return }
        guard end >= now + 2 * CalendarDates.secondsPerDay else {
            throw StripeError.invalid(
                "The `trial_end` date has to be at least 2 days in the future.",
                param: "subscription_data[trial_end]")
        }
    }

    private func expiry(_ parameters: Parameters) throws -> Int64 {
        let latest = now + Self.sessionLifetime
        guard let time = try parameters.int("expires_at") else { return latest }
        guard time >= now + Self.shortestSessionLifetime, time <= latest else {
            throw StripeError.invalid(
                "The `expires_at` timestamp must be between 30 minutes and 24 hours from "
                    + "Checkout Session creation.", param: "expires_at")
        }
        return time
    }

    private func setCustomer(_ parameters: Parameters, of session: inout JSONValue) throws {
        let email = parameters.text("customer_email")
        guard let id = parameters.text("customer") else {
            session.set("customer_email", to: .text(email))
            return
        }
        guard email == nil else {
            throw StripeError.invalid(
                "You may only specify one of these parameters: customer, customer_email.",
                param: "customer_email")
        }
        _ = try getLive(.customer, id, param: "customer")
        session.set("customer", to: .string(id))
    }

    /// What the session sells. It is no member of Stripe's object and is left out of answers.
    private func saveOrder(
        of id: String, lines: [(price: JSONValue, quantity: Int64)], _ parameters: Parameters,
        discounts: [JSONValue]
    ) throws {
        let details = parameters.scope("subscription_data")
        let mode = try details.choice(
            "billing_mode", "type", of: ["classic", "flexible"],
            default: request.version < .clover ? "classic" : "flexible")
        let missing = try missingPaymentMethod(details)
        let order: JSONValue = [
            "id": .string("order_" + id), "object": "sandbox_order", "created": .int(now),
            "lines": .array(
                lines.map {
                    ["price": $0.price["id"] ?? .null, "quantity": .int($0.quantity)]
                }),
            "trial_days": .integer(try details.int("trial_period_days")),
            "trial_end": .integer(try details.int("trial_end")),
            "missing": .string(missing), "metadata": try details.metadata(),
            "description": .text(details.text("description")), "billing_mode": .string(mode),
            "discounts": .array(discounts), "intent": try intentData(parameters),
        ]
        try save(order)
    }

    func order(ofSession id: String) throws -> JSONValue {
        guard let order = try findAny("order_" + id) else {
            throw StripeError.missing(.checkoutSession, id)
        }
        return order
    }

    func lineItems(ofSession id: String) throws -> JSONValue {
        let lines = try order(ofSession: id)["lines"]?.array ?? []
        let data = try lines.enumerated().map { place, line -> JSONValue in
            let price = try get(.price, line["price"]?.string ?? "")
            let quantity = line["quantity"]?.int ?? 1
            let amount = PriceTerms(price).unitAmount * quantity
            return [
                "id": .string("li_\(place)_\(id)"), "object": "item", "amount_discount": 0,
                "amount_subtotal": .int(amount), "amount_tax": 0, "amount_total": .int(amount),
                "currency": price["currency"] ?? "usd",
                "description": .string(try productName(of: price)), "price": price,
                "quantity": .int(quantity),
            ]
        }
        return .list(data, url: "/v1/checkout/sessions/\(id)/line_items")
    }

    func listSessions(_ parameters: Parameters) throws -> JSONValue {
        try page(
            .checkoutSession, parameters, url: "/v1/checkout/sessions",
            where: [
                (.customer, parameters.text("customer")),
                (.parent, parameters.text("subscription")),
                (.status, try parameters.choice("status", of: Self.sessionStatuses)),
            ],
            matching: [
                ("json_extract(body, '$.payment_intent') = ?", parameters.text("payment_intent"))
            ])
    }

    func expireSession(_ id: String) throws -> JSONValue {
        let session = try get(.checkoutSession, id)
        guard session["status"] == "open" else {
            throw StripeError.invalid(
                "This Session is not in an expireable state: only an open Session can be "
                    + "expired.")
        }
        return try expire(session)
    }

    func expireOverdueSession(_ id: String) throws {
        guard let session = try find(.checkoutSession, id), session["status"] == "open" else {
            return
        }
        _ = try expire(session)
    }

    private func expire(_ session: JSONValue) throws -> JSONValue {
        var session = session
        session.set("status", to: "expired")
        session.set("url", to: .null)
        try save(session)
        try unscheduleAll(of: session["id"]?.string ?? "")
        try emit("checkout.session.expired", session)
        return session
    }

    private static let sessionTemplate = """
        {"id":null,"object":"checkout.session","adaptive_pricing":null,"after_expiration":null,
        "allow_promotion_codes":null,"allowed_payment_method_types":null,"amount_subtotal":0,
        "amount_total":0,"automatic_tax":
        {"enabled":false,"liability":null,"provider":null,"status":null},
        "billing_address_collection":null,"cancel_url":null,"client_reference_id":null,
        "client_secret":null,"created":0,"currency":"usd","custom_fields":[],"custom_text":
        {"after_submit":null,"shipping_address":null,"submit":null,
        "terms_of_service_acceptance":null},"customer":null,"customer_creation":null,
        "customer_details":null,"customer_email":null,"discounts":[],"expires_at":0,
        "invoice":null,"livemode":false,"locale":null,"metadata":{},"mode":"subscription",
        "payment_intent":null,"payment_link":null,"payment_method_collection":"always",
        "payment_method_options":null,"payment_method_types":["card"],
        "payment_status":"unpaid","setup_intent":null,"shipping_options":[],"status":"open",
        "subscription":null,"success_url":null,"total_details":{"amount_discount":0,
        "amount_shipping":0,"amount_tax":0},"ui_mode":"hosted_page","url":null}
        """
}
