import JSON

// Subscriptions: docs.stripe.com/api/subscriptions and docs.stripe.com/billing/subscriptions.

extension Account {
    /// How long an unpaid first invoice may wait
    /// (docs.stripe.com/billing/subscriptions/overview, "Subscription statuses").
    static let incompleteLifetime: Int64 = 23 * 3_600

    static let paymentBehaviors = [
        "allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete",
    ]

    static let newSubscriptionFields = [
        "customer", "items[][price]", "items[][quantity]", "items[][metadata]*",
        "metadata*", "collection_method",
        "billing_mode[type]", "billing_mode[flexible][proration_discounts]", "cancel_at",
        "cancel_at_period_end", "discounts", "discounts[][coupon]",
        "default_payment_method", "trial_period_days", "trial_end", "payment_behavior",
        "off_session", "description",
        "trial_settings[end_behavior][missing_payment_method]",
        "expand*",
    ]

    func createSubscription(_ parameters: Parameters) throws -> JSONValue {
        let customer = try parameters.required("customer")
        _ = try getLive(.customer, customer, param: "customer")
        let elements = parameters.list("items")
        guard !elements.isEmpty else {
            throw StripeError.invalid(
                "Missing required param: items.", param: "items", code: "parameter_missing")
        }
        var new = NewSubscription(customer: customer, items: [])
        for (place, element) in elements.enumerated() {
            let id = try element.required("price")
            let price = try sellablePrice(id, param: "items[\(place)][price]")
            let quantity = try quantity(element, param: "items[\(place)][quantity]")
            new.items.append(
                NewSubscription.Item(
                    price: price, quantity: quantity ?? 1, metadata: try element.metadata()))
        }
        new.isFlexible = try billingMode(parameters) == "flexible"
        new.description = parameters.text("description")
        try checkCollection(parameters)
        let currency = new.items.first.map { PriceTerms($0.price).currency } ?? "usd"
        new.discounts =
            try discounts(parameters, customer: customer, currency: currency) ?? []
        new.metadata = try parameters.metadata()
        if let method = parameters.text("default_payment_method") {
            try requireAttached(method, to: customer)
            new.defaultPaymentMethod = method
        }
        new.trialEnd = try trialEnd(parameters)
        new.withoutPaymentMethod = try missingPaymentMethod(parameters)
        new.paymentBehavior = try parameters.choice(
            "payment_behavior", of: Self.paymentBehaviors, default: "allow_incomplete")
        try requirePaymentMethod(new)
        let started = try start(new).subscription
        return try withEnding(started, parameters)
    }

    private func billingMode(_ parameters: Parameters) throws -> String {
        let modes = ["classic", "flexible"]
        _ = try parameters.choice(
            "billing_mode", "flexible", "proration_discounts", of: ["included"],
            default: "included")
        // Flexible billing is the default since clover.
        return try parameters.choice(
            "billing_mode", "type", of: modes,
            default: request.version < .clover ? "classic" : "flexible")
    }

    static func isFlexible(_ subscription: JSONValue) -> Bool {
        subscription.at("billing_mode", "type") != "classic"
    }

    /// What is due at once needs a card; without one nothing is made.
    private func requirePaymentMethod(_ new: NewSubscription) throws {
        let total = new.items.reduce(0) { $0 + PriceTerms($1.price).unitAmount * $1.quantity }
        guard new.trialEnd == nil, total > 0, new.paymentBehavior != "default_incomplete",
            new.defaultPaymentMethod == nil,
            try get(.customer, new.customer).at("invoice_settings", "default_payment_method")?
                .string == nil
        else { return }
        throw StripeError.invalid(
            "This customer has no attached payment source or default payment method. Please "
                + "consider adding a default payment method.", code: "resource_missing")
    }

    private func withEnding(
        _ started: JSONValue, _ parameters: Parameters
    ) throws -> JSONValue {
        let items = SubscriptionItem.all(of: started)
        guard let cancellation = try cancellation(parameters, items: items) else { return started }
        var subscription = started
        _ = try apply(cancellation, to: &subscription, prorates: false)
        guard subscription != started else { return started }
        try save(subscription)
        try emit("customer.subscription.updated", subscription, previous: started)
        try scheduleBilling(of: subscription)
        return subscription
    }

    /// When a new trial ends: so many days from now, or at a given second.
    func trialEnd(_ parameters: Parameters) throws -> Int64? {
        if let days = try parameters.int("trial_period_days") {
            guard (1...730).contains(days) else {
                throw StripeError.invalid(
                    "Invalid trial_period_days.", param: "trial_period_days")
            }
            guard parameters.sent("trial_end") == nil else {
                throw StripeError.invalid(
                    "You may only specify one of these parameters: trial_end, trial_period_days.",
                    param: "trial_period_days")
            }
            return now + days * CalendarDates.secondsPerDay
        }
        guard parameters.text("trial_end") != "now", let end = try parameters.int("trial_end")
        else { return nil }
        guard end > now else {
            throw StripeError.invalid(
                "Invalid timestamp: must be in the future.", param: "trial_end")
        }
        return end
    }

    /// Starts a subscription and collects its first invoice.
    func start(
        _ new: NewSubscription
    ) throws -> (subscription: JSONValue, invoice: JSONValue, outcome: PaymentOutcome) {
        var subscription = try subscriptionObject(new)
        let id = subscription["id"]?.string ?? ""
        let items = SubscriptionItem.all(of: subscription)
        if !new.discounts.isEmpty { try give(new.discounts, to: &subscription) }
        try save(subscription)
        let full = try items.map { item in
            let name = try productName(of: item.price)
            return new.trialEnd == nil
                ? InvoiceLine.full(item, name: name)
                : .trial(item, name: name, isFlexible: new.isFlexible)
        }
        let lines = try discounted(full, of: subscription)
        var invoice = try draftInvoice(
            of: &subscription, lines: lines, reason: "subscription_create")
        try save(subscription)
        try finalize(&invoice)
        var outcome = PaymentOutcome.paid
        if invoice["status"] != "paid" {
            if new.paymentBehavior == "default_incomplete" {
                _ = try paymentIntent(of: invoice)
                outcome = .actionRequired
            } else {
                outcome = try collect(
                    &invoice, authenticated: new.isAuthenticated, retries: false)
            }
        }
        if new.paymentBehavior == "error_if_incomplete" {
            try refuseUnlessPaid(outcome, of: invoice)
        }
        if !outcome.isFailure {
            subscription.set("status", to: new.trialEnd == nil ? "active" : "trialing")
        } else {
            try schedule(.expireIncomplete, id, at: now + Self.incompleteLifetime)
        }
        try save(subscription)
        try emit("customer.subscription.created", subscription)
        try scheduleBilling(of: subscription)
        return (subscription, invoice, outcome)
    }

    private func subscriptionObject(_ new: NewSubscription) throws -> JSONValue {
        let id = newID("sub")
        let anchor = new.trialEnd ?? now
        guard let first = new.items.first.map({ PriceTerms($0.price) }) else {
            throw StripeError.invalid("A subscription needs an item.", param: "items")
        }
        try SubscriptionItem.check(
            new.items.map(\.price), isFlexible: new.isFlexible, param: "items[0][price]")
        try checkCurrency(first.currency, of: new.customer)
        let items = new.items.map { item in
            let terms = PriceTerms(item.price)
            let end = new.trialEnd ?? terms.interval.boundary(after: now, anchor: anchor)
            return SubscriptionItem(
                id: newID("si"), price: item.price, quantity: item.quantity, periodStart: now,
                periodEnd: end, created: now, metadata: item.metadata)
        }
        var subscription = try JSONValue.shaped(
            Self.subscriptionTemplate,
            [
                "id": .string(id), "billing_cycle_anchor": .int(anchor), "created": .int(now),
                "start_date": .int(now), "currency": .string(first.currency),
                "customer": .string(new.customer), "metadata": new.metadata,
                "default_payment_method": .text(new.defaultPaymentMethod),
                "items": SubscriptionItem.list(items, of: id),
                "trial_start": new.trialEnd == nil ? .null : .int(now),
                "trial_end": .integer(new.trialEnd),
            ])
        subscription.set(
            "trial_settings", "end_behavior", "missing_payment_method",
            to: .string(new.withoutPaymentMethod))
        subscription.set("description", to: .text(new.description))
        subscription.set("test_clock", to: .text(clock))
        if !new.isFlexible {
            subscription.set(
                "billing_mode", to: ["type": "classic", "flexible": .null, "updated_at": .null])
        }
        return subscription
    }

    /// One currency for a customer while anything of it runs.
    private func checkCurrency(_ currency: String, of customer: String) throws {
        let other = try all(.subscription, .customer, is: customer).first {
            !Self.isEnded($0) && $0["currency"]?.string != currency
        }
        guard other == nil else {
            throw StripeError.invalid(
                "You cannot combine currencies on a single customer. This customer has an active "
                    + "subscription, subscription schedule, discount, quote, or invoice item with "
                    + "currency \(other?["currency"]?.string ?? "").")
        }
    }

    /// Canceled for good: nothing but its metadata may change.
    static func isEnded(_ subscription: JSONValue) -> Bool {
        subscription["status"] == "canceled" || subscription["status"] == "incomplete_expired"
    }

    func retrieveSubscription(_ id: String) throws -> JSONValue { try get(.subscription, id) }

    func listSubscriptions(_ parameters: Parameters) throws -> JSONValue {
        let customer = parameters.text("customer")
        let clock = parameters.text("test_clock")
        let statuses = [
            "active", "trialing", "past_due", "incomplete", "unpaid", "paused", "canceled",
            "incomplete_expired",
        ]
        // Without a status, those that are canceled are left out.
        let status = try parameters.choice(
            "status", of: statuses + ["all", "ended"], default: "")
        let wanted =
            switch status {
            case "all": [String]()
            case "ended": ["canceled", "incomplete_expired"]
            case "": Array(statuses.dropLast(2))
            default: [status]
            }
        // Who has a clock is listed only if the clock, or the customer, is named.
        let hidesClocks = clock == nil && customer == nil
        return try page(
            .subscription, parameters, url: "/v1/subscriptions",
            where: [(.customer, customer)], anyOf: (.status, wanted),
            matching: [
                ("json_extract(body, '$.test_clock') = ?", clock),
                (
                    "CAST((json_extract(body, '$.test_clock') IS NULL) AS TEXT) = ?",
                    hidesClocks ? "1" : nil
                ),
                (
                    "EXISTS (SELECT 1 FROM json_each(body, '$.items.data') AS item "
                        + "WHERE json_extract(item.value, '$.price.id') = ?)",
                    parameters.text("price")
                ),
            ])
    }

    private static let subscriptionTemplate = """
        {"id":null,"object":"subscription","application":null,"application_fee_percent":null,
        "automatic_tax":{"disabled_reason":null,"enabled":false,"liability":null},
        "billing_cycle_anchor":0,"billing_cycle_anchor_config":null,"billing_mode":
        {"type":"flexible","flexible":{"proration_discounts":"included"},"updated_at":null},
        "billing_schedules":[],"billing_thresholds":null,"cancel_at":null,
        "cancel_at_period_end":false,"canceled_at":null,"cancellation_details":{"comment":null,
        "feedback":null,"reason":null},"collection_method":"charge_automatically","created":0,
        "currency":"usd","customer":null,"days_until_due":null,"default_payment_method":null,
        "default_source":null,"default_tax_rates":[],"description":null,"discounts":[],
        "ended_at":null,"invoice_settings":{"account_tax_ids":null,"issuer":{"type":"self"}},
        "items":null,"latest_invoice":null,"livemode":false,"metadata":{},
        "next_pending_invoice_item_invoice":null,"on_behalf_of":null,"pause_collection":null,
        "payment_settings":{"payment_method_options":null,"payment_method_types":null,
        "save_default_payment_method":"off"},"pending_invoice_item_interval":null,
        "pending_setup_intent":null,"pending_update":null,"schedule":null,"start_date":0,
        "status":"incomplete","status_details":null,"test_clock":null,"transfer_data":null,
        "trial_end":null,
        "trial_settings":{"end_behavior":{"missing_payment_method":"create_invoice"}},
        "trial_start":null}
        """
}
