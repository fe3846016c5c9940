import JSON

// What a portal offers: docs.stripe.com/api/customer_portal/configurations.

extension Account {
    static let defaultConfiguration = "bpc_sandbox"
    static let maximumPortalProducts = 10

    static let configurationFields =
        [
            "business_profile[headline]", "business_profile[privacy_policy_url]",
            "business_profile[terms_of_service_url]", "default_return_url", "metadata*", "name",
            "login_page[enabled]", "expand*",
        ]
        + [
            "customer_update[enabled]", "customer_update[allowed_updates]",
            "customer_update[allowed_updates][]", "invoice_history[enabled]",
            "payment_method_update[enabled]", "subscription_cancel[enabled]",
            "subscription_cancel[mode]", "subscription_cancel[proration_behavior]",
            "subscription_cancel[cancellation_reason][enabled]",
            "subscription_cancel[cancellation_reason][options]",
            "subscription_cancel[cancellation_reason][options][]",
            "subscription_update[enabled]", "subscription_update[default_allowed_updates]",
            "subscription_update[default_allowed_updates][]", "subscription_update[products]",
            "subscription_update[products][][product]",
            "subscription_update[products][][prices][]",
            "subscription_update[products][][adjustable_quantity][enabled]",
            "subscription_update[products][][adjustable_quantity][minimum]",
            "subscription_update[products][][adjustable_quantity][maximum]",
            "subscription_update[proration_behavior]",
            "subscription_update[billing_cycle_anchor]",
            "subscription_update[trial_update_behavior]",
            "subscription_update[schedule_at_period_end][conditions]",
            "subscription_update[schedule_at_period_end][conditions][][type]",
        ].map { name in
            // `a[b]` becomes `features[a][b]`.
            let open = name.firstIndex(of: "[") ?? name.endIndex
            return "features[\(name[..<open])]\(name[open...])"
        }

    func createConfiguration(_ parameters: Parameters) throws -> JSONValue {
        guard !parameters.scope("features").entries.isEmpty else {
            throw StripeError.invalid(
                "Missing required param: features.", param: "features", code: "parameter_missing")
        }
        var configuration = try JSONValue.shaped(
            Self.configurationTemplate, ["id": .string(newID("bpc")), "created": .int(now)])
        try apply(parameters, toConfiguration: &configuration, isNew: true)
        try save(configuration)
        try emit("billing_portal.configuration.created", configuration)
        return configuration
    }

    func updateConfiguration(_ id: String, _ parameters: Parameters) throws -> JSONValue {
        let old = try configuration(id)
        var configuration = old
        if let active = try parameters.bool("active") {
            guard active || old["is_default"]?.bool != true else {
                throw StripeError.invalid(
                    "The default configuration cannot be deactivated.", param: "active")
            }
            configuration.set("active", to: .bool(active))
        }
        try apply(parameters, toConfiguration: &configuration)
        if configuration != old { configuration.set("is_set_by_hand", to: true) }
        try save(configuration)
        let shown = withoutMark(configuration)
        try emit(
            "billing_portal.configuration.updated", shown, previous: withoutMark(old))
        return shown
    }

    /// The account's own configuration is made when it is first used, as in a set-up account: the
    /// portal offers everything. One that is made says what it offers.
    func configuration(_ id: String, param: String = "id") throws -> JSONValue {
        if let found = try find(.portalConfiguration, id) { return found }
        guard id == Self.defaultConfiguration else {
            throw StripeError.missing(.portalConfiguration, id, param: param)
        }
        var configuration = try JSONValue.shaped(
            Self.configurationTemplate,
            [
                "id": .string(id), "created": .int(now), "updated": .int(now), "is_default": true,
            ])
        configuration.set("features", "subscription_update", "enabled", to: true)
        configuration.set(
            "features", "subscription_update", "default_allowed_updates", to: ["price"])
        configuration.set("features", "subscription_cancel", "enabled", to: true)
        configuration.set("features", "payment_method_update", "enabled", to: true)
        configuration.set("features", "invoice_history", "enabled", to: true)
        try save(configuration)
        return configuration
    }

    func withoutMark(_ configuration: JSONValue) -> JSONValue {
        guard case .object(var object) = configuration else { return configuration }
        object["is_set_by_hand"] = nil
        return .object(object)
    }

    func listConfigurations(_ parameters: Parameters) throws -> JSONValue {
        let isDefault = try parameters.bool("is_default")
        let active = try parameters.bool("active")
        var list = try page(
            .portalConfiguration, parameters, url: "/v1/billing_portal/configurations",
            matching: [
                ("CAST(json_extract(body, '$.active') AS TEXT) = ?", active.map(Self.digit)),
                ("CAST(json_extract(body, '$.is_default') AS TEXT) = ?", isDefault.map(Self.digit)),
            ])
        list.set("data", to: .array((list["data"]?.array ?? []).map(withoutMark)))
        return list
    }

    /// As SQLite reads a JSON boolean.
    private static func digit(_ flag: Bool) -> String { flag ? "1" : "0" }

    // MARK: Features

    private func apply(
        _ parameters: Parameters, toConfiguration configuration: inout JSONValue,
        isNew: Bool = false
    ) throws {
        configuration.set("updated", to: .int(now))
        let old = configuration["metadata"] ?? [:]
        configuration.set("metadata", to: try parameters.metadata(merging: old))
        for name in ["headline", "privacy_policy_url", "terms_of_service_url"] {
            guard let text = parameters.sent("business_profile", name) else { continue }
            if name != "headline" { try checkURL(text, param: "business_profile[\(name)]") }
            configuration.set("business_profile", name, to: .text(text.isEmpty ? nil : text))
        }
        for name in ["default_return_url", "name"] {
            guard let text = parameters.sent(name) else { continue }
            if name != "name" { try checkURL(text, param: name) }
            configuration.set(name, to: .text(text.isEmpty ? nil : text))
        }
        if let enabled = try parameters.bool("login_page", "enabled") {
            configuration.set("login_page", "enabled", to: .bool(enabled))
            configuration.set(
                "login_page", "url",
                to: enabled
                    ? .string("\(baseURL)/p/login/\(configuration["id"]?.string ?? "")") : .null)
        }
        let features = parameters.scope("features")
        for name in [
            "customer_update", "invoice_history", "payment_method_update", "subscription_cancel",
            "subscription_update",
        ] {
            let feature = features.scope(name)
            guard !feature.entries.isEmpty else { continue }
            guard let enabled = try feature.bool("enabled") else {
                if !isNew { continue }
                throw StripeError.invalid(
                    "Missing required param: features[\(name)][enabled].",
                    param: "features[\(name)][enabled]", code: "parameter_missing")
            }
            configuration.set("features", name, "enabled", to: .bool(enabled))
        }
        try apply(cancel: features.scope("subscription_cancel"), to: &configuration)
        try apply(update: features.scope("subscription_update"), to: &configuration)
        let updates = try words(
            features.scope("customer_update"), "allowed_updates",
            of: ["address", "email", "name", "phone", "shipping", "tax_id"])
        if let updates {
            configuration.set("features", "customer_update", "allowed_updates", to: updates)
        }
    }

    private func apply(cancel: Parameters, to configuration: inout JSONValue) throws {
        let feature = "subscription_cancel"
        if cancel.text("mode") != nil {
            let mode = try cancel.choice(
                "mode", of: ["at_period_end", "immediately"], default: "at_period_end")
            configuration.set("features", feature, "mode", to: .string(mode))
        }
        if cancel.text("proration_behavior") != nil {
            let behavior = try cancel.choice(
                "proration_behavior", of: ["none", "create_prorations"], default: "none")
            configuration.set("features", feature, "proration_behavior", to: .string(behavior))
        }
        let reason = cancel.scope("cancellation_reason")
        if let enabled = try reason.bool("enabled") {
            configuration.set(
                "features", feature, "cancellation_reason", "enabled", to: .bool(enabled))
        }
        if let options = try words(reason, "options", of: Self.cancellationFeedback) {
            configuration.set("features", feature, "cancellation_reason", "options", to: options)
        }
    }

    private func apply(update: Parameters, to configuration: inout JSONValue) throws {
        let feature = "subscription_update"
        let choices = [
            "proration_behavior": ["none", "create_prorations", "always_invoice"],
            "billing_cycle_anchor": ["now", "unchanged"],
            "trial_update_behavior": ["end_trial", "continue_trial"],
        ]
        for (name, words) in choices where update.text(name) != nil {
            let word = try update.choice(name, of: words, default: "")
            configuration.set("features", feature, name, to: .string(word))
        }
        let allowed = try words(
            update, "default_allowed_updates", of: ["price", "quantity", "promotion_code"])
        if let allowed {
            configuration.set("features", feature, "default_allowed_updates", to: allowed)
        }
        if update.sent("products") != nil || !update.list("products").isEmpty {
            configuration.set(
                "features", feature, "products", to: .array(try portalProducts(update)))
        }
        let conditions = update.scope("schedule_at_period_end")
        if conditions.sent("conditions") != nil || !conditions.list("conditions").isEmpty {
            let types = try conditions.list("conditions").map { condition -> JSONValue in
                let types = ["decreasing_item_amount", "shortening_interval"]
                return ["type": .string(try condition.choice("type", of: types, default: ""))]
            }
            configuration.set(
                "features", feature, "schedule_at_period_end", "conditions", to: .array(types))
        }
    }

    private func portalProducts(_ update: Parameters) throws -> [JSONValue] {
        let elements = update.list("products")
        guard elements.count <= Self.maximumPortalProducts else {
            throw StripeError.invalid(
                "At most \(Self.maximumPortalProducts) products can be offered.",
                param: "features[subscription_update][products]")
        }
        return try elements.map { element in
            let product = try element.required("product")
            _ = try getLive(.product, product, param: "product")
            let prices = element.strings("prices")
            for price in prices {
                guard try get(.price, price, param: "prices")["product"]?.string == product else {
                    throw StripeError.invalid(
                        "The price \(price) is none of the product \(product).", param: "prices")
                }
            }
            let quantity = element.scope("adjustable_quantity")
            return [
                "adjustable_quantity": [
                    "enabled": .bool(try quantity.bool("enabled") ?? false),
                    "maximum": .integer(try quantity.int("maximum")),
                    "minimum": .int(try quantity.int("minimum") ?? 1),
                ],
                "prices": .array(prices.map { .string($0) }), "product": .string(product),
            ]
        }
    }

    /// A list of known words; nil where none was sent, an empty list where it was emptied.
    private func words(
        _ parameters: Parameters, _ name: String, of known: [String]
    ) throws -> JSONValue? {
        let words = parameters.strings(name)
        guard !words.isEmpty || parameters.sent(name) != nil else { return nil }
        for word in words where !known.contains(word) {
            throw StripeError.invalid(
                "Invalid \(name): must be one of \(known.joined(separator: ", "))", param: name)
        }
        return .array(words.map { .string($0) })
    }

    private static let configurationTemplate = """
        {"id":null,"object":"billing_portal.configuration","active":true,"application":null,
        "business_profile":{"headline":null,"privacy_policy_url":null,
        "terms_of_service_url":null},"created":0,"default_return_url":null,"features":
        {"customer_update":{"allowed_updates":[],"enabled":false},"invoice_history":
        {"enabled":false},"payment_method_update":{"enabled":false,
        "payment_method_configuration":null},"subscription_cancel":{"cancellation_reason":
        {"enabled":false,"options":["too_expensive","missing_features","switched_service",
        "unused","other"]},"enabled":false,"mode":"at_period_end","proration_behavior":"none"},
        "subscription_pause":{"duration":{"interval_options":[],"type":"indefinite"},
        "enabled":false},"subscription_update":{"billing_cycle_anchor":null,
        "default_allowed_updates":[],"enabled":false,"products":null,
        "proration_behavior":"none","schedule_at_period_end":{"conditions":[]},
        "trial_update_behavior":"end_trial"}},"is_default":false,"livemode":false,
        "login_page":{"enabled":false,"url":null},"metadata":{},"name":null,"updated":0}
        """
}
