import JSON

// What the customer portal offers: docs.stripe.com/api/customer_portal/configurations.

extension Account {
    static let portalConfigurationFields = [
        "active", "business_profile*", "default_return_url", "features*", "login_page*",
        "metadata*", "name", "expand*",
    ]

    /// The members of `features` that are kept, with their words or as true or false.
    private static let portalFeatures: [(path: [String], words: [String])] = [
        (["customer_update", "enabled"], []),
        (["invoice_history", "enabled"], []),
        (["payment_method_update", "enabled"], []),
        (["subscription_cancel", "enabled"], []),
        (["subscription_cancel", "mode"], ["at_period_end", "immediately"]),
        (["subscription_cancel", "proration_behavior"], ["none", "create_prorations"]),
        (["subscription_pause", "enabled"], []),
        (["subscription_update", "enabled"], []),
        (["subscription_update", "billing_cycle_anchor"], ["unchanged", "now"]),
        (
            ["subscription_update", "proration_behavior"],
            ["none", "create_prorations", "always_invoice"]
        ),
        (["subscription_update", "trial_update_behavior"], ["end_trial", "continue_trial"]),
    ]

    func createPortalConfiguration(_ parameters: Parameters) throws -> JSONValue {
        guard !parameters.scope("features").entries.isEmpty else {
            throw StripeError.invalid(
                "Missing required param: features.", param: "features",
                code: "parameter_missing")
        }
        var configuration = try JSONValue.shaped(
            Self.portalConfigurationTemplate,
            ["id": .string(newID("bpc")), "created": .int(now), "updated": .int(now)])
        try apply(parameters, toConfiguration: &configuration)
        try save(configuration)
        try emit("billing_portal.configuration.created", configuration)
        return configuration
    }

    func updatePortalConfiguration(_ id: String, _ parameters: Parameters) throws -> JSONValue {
        let old = try get(.portalConfiguration, id)
        var configuration = old
        configuration.set("updated", to: .int(now))
        try apply(parameters, toConfiguration: &configuration)
        try save(configuration)
        try emit("billing_portal.configuration.updated", configuration, previous: old)
        return configuration
    }

    func listPortalConfigurations(_ parameters: Parameters) throws -> JSONValue {
        let active = try parameters.bool("active").map { $0 ? "active" : "inactive" }
        return try page(
            .portalConfiguration, parameters, url: "/v1/billing_portal/configurations",
            where: [(.status, active)])
    }

    private func apply(
        _ parameters: Parameters, toConfiguration configuration: inout JSONValue
    ) throws {
        if let active = try parameters.bool("active") {
            configuration.set("active", to: .bool(active))
        }
        for field in ["default_return_url", "name"] {
            guard let value = parameters.sent(field) else { continue }
            configuration.set(field, to: value.isEmpty ? .null : .string(value))
        }
        for field in ["headline", "privacy_policy_url", "terms_of_service_url"] {
            guard let value = parameters.sent("business_profile", field) else { continue }
            configuration.set(
                "business_profile", field, to: value.isEmpty ? .null : .string(value))
        }
        if let enabled = try parameters.bool("login_page", "enabled") {
            configuration.set("login_page", "enabled", to: .bool(enabled))
        }
        try apply(features: parameters.scope("features"), to: &configuration)
        configuration.set(
            "metadata", to: try parameters.metadata(merging: configuration["metadata"] ?? [:]))
    }

    private func apply(features: Parameters, to configuration: inout JSONValue) throws {
        for entry in features.entries {
            let name = "features[" + entry.path.joined(separator: "][") + "]"
            guard let known = Self.portalFeatures.first(where: { $0.path == entry.path }) else {
                throw StripeError.invalid(
                    "Received unknown parameter: \(name)", param: name, code: "parameter_unknown")
            }
            let isKnown =
                known.words.isEmpty
                ? ["true", "false"].contains(entry.value) : known.words.contains(entry.value)
            guard isKnown else {
                throw StripeError.invalid("Invalid \(name): \(entry.value)", param: name)
            }
            configuration.set(
                "features", entry.path[0], entry.path[1],
                to: known.words.isEmpty ? .bool(entry.value == "true") : .string(entry.value))
        }
    }

    private static let portalConfigurationTemplate = """
        {"id":null,"object":"billing_portal.configuration","active":true,"application":null,
        "business_profile":{"headline":null,"privacy_policy_url":null,
        "terms_of_service_url":null},"created":0,"default_return_url":null,
        "features":{"customer_update":{"allowed_updates":[],"enabled":false},
        "invoice_history":{"enabled":false},
        "payment_method_update":{"enabled":false,"payment_method_configuration":null},
        "subscription_cancel":{"cancellation_reason":{"enabled":false,"feedback_options":null,
        "options":[]},"enabled":false,"mode":"at_period_end","proration_behavior":"none"},
        "subscription_pause":{"duration":{"interval_options":[],"type":"indefinite"},
        "enabled":false},
        "subscription_update":{"billing_cycle_anchor":null,"default_allowed_updates":[],
        "enabled":false,"products":null,"proration_behavior":"none",
        "schedule_at_period_end":{"conditions":[]},"trial_update_behavior":"end_trial"}},
        "is_default":false,"livemode":false,"login_page":{"enabled":false,"url":null},
        "metadata":{},"name":null,"updated":0}
        """
}

/// What one portal session offers. A session without a configuration has the sandbox's default, in
/// which everything is switched on.
struct PortalOffer {
    let changesPlans: Bool
    let cancels: Bool
    let endsAtOnce: Bool

    init(_ configuration: JSONValue?) {
        let features = configuration?["features"]
        changesPlans = features?.at("subscription_update", "enabled")?.bool ?? true
        cancels = features?.at("subscription_cancel", "enabled")?.bool ?? true
        endsAtOnce = features?.at("subscription_cancel", "mode") == "immediately"
    }
}

extension Account {
    func portalOffer(of session: JSONValue) throws -> PortalOffer {
        PortalOffer(
            try session["configuration"]?.string.flatMap { try find(.portalConfiguration, $0) })
    }
}
