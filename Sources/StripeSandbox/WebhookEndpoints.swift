import JSON

// Webhook endpoints: docs.stripe.com/api/webhook_endpoints. Those of the configuration are kept
// beside those made through the API, under ids of their own.

extension Account {
    static let endpointFields = [
        "url", "enabled_events[]", "description", "metadata*", "expand*",
    ]
    static let newEndpointFields = endpointFields + ["api_version"]
    static let endpointUpdateFields = endpointFields + ["disabled"]
    private static let configuredPrefix = "we_configured_"

    /// Makes the endpoints of the configuration the ones that are stored.
    func configureEndpoints(_ endpoints: [SandboxConfiguration.WebhookEndpoint]) throws {
        for endpoint in try all(.webhookEndpoint, .status, is: "enabled") {
            guard let id = endpoint["id"]?.string, id.hasPrefix(Self.configuredPrefix) else {
                continue
            }
            try db.execute(sql: "DELETE FROM objects WHERE id = ?", arguments: [id])
        }
        for (place, endpoint) in endpoints.enumerated() {
            let object = try endpointObject(
                id: Self.configuredPrefix + String(place), url: endpoint.url,
                secret: endpoint.secret, events: ["*"])
            try save(object)
        }
    }

    func createEndpoint(_ parameters: Parameters) throws -> JSONValue {
        let url = try parameters.required("url")
        try checkEndpoint(url)
        let events = parameters.strings("enabled_events")
        guard !events.isEmpty else {
            throw StripeError.invalid(
                "Missing required param: enabled_events.", param: "enabled_events",
                code: "parameter_missing")
        }
        try check(events: events)
        var endpoint = try endpointObject(
            id: newID("we"), url: url, secret: newID("whsec"), events: events)
        if let text = parameters.text("api_version") {
            guard APIVersion(text) != nil else {
                throw StripeError.invalid(
                    "Invalid api_version: \(text) is no version of the API.",
                    param: "api_version")
            }
            endpoint.set("api_version", to: .string(text))
        } else {
            endpoint.set("api_version", to: .null)
        }
        endpoint.set("description", to: .text(parameters.text("description")))
        endpoint.set("metadata", to: try parameters.metadata())
        try save(endpoint)
        return endpoint
    }

    /// Everything but the version and the secret, which an endpoint keeps for good.
    func updateEndpoint(_ id: String, _ parameters: Parameters) throws -> JSONValue {
        var endpoint = try get(.webhookEndpoint, id)
        if let url = parameters.text("url") {
            try checkEndpoint(url)
            endpoint.set("url", to: .string(url))
        }
        let events = parameters.strings("enabled_events")
        if !events.isEmpty {
            try check(events: events)
            endpoint.set("enabled_events", to: .array(events.map { .string($0) }))
        }
        if let text = parameters.sent("description") {
            endpoint.set("description", to: .text(text.isEmpty ? nil : text))
        }
        let metadata = try parameters.metadata(merging: endpoint["metadata"] ?? [:])
        endpoint.set("metadata", to: metadata)
        if let disabled = try parameters.bool("disabled") {
            endpoint.set("status", to: disabled ? "disabled" : "enabled")
        }
        try save(endpoint)
        return withoutSecret(endpoint)
    }

    private func checkEndpoint(_ url: String) throws {
        try checkURL(url, param: "url")
        guard Loopback.isAllowed(url: url) else {
            throw StripeError.invalid(
                "The sandbox delivers webhooks to http:// URLs of this machine only.",
                param: "url")
        }
    }

    private func check(events: [String]) throws {
        for (place, event) in events.enumerated() where !EventTypes.isKnown(event) {
            throw StripeError.invalid(
                "Invalid enabled_events[\(place)]: \(event) is no type of event.",
                param: "enabled_events[\(place)]")
        }
    }

    private func endpointObject(
        id: String, url: String, secret: String, events: [String]
    ) throws -> JSONValue {
        [
            "id": .string(id), "object": "webhook_endpoint",
            "api_version": .string(APIVersion.current.description), "application": .null,
            "created": .int(now),
            "description": .null, "enabled_events": .array(events.map { .string($0) }),
            "livemode": false, "metadata": [:], "secret": .string(secret), "status": "enabled",
            "url": .string(url),
        ]
    }

    /// Only the answer to a creation tells the secret.
    func retrieveEndpoint(_ id: String) throws -> JSONValue {
        withoutSecret(try get(.webhookEndpoint, id))
    }

    func listEndpoints(_ parameters: Parameters) throws -> JSONValue {
        var list = try page(.webhookEndpoint, parameters, url: "/v1/webhook_endpoints")
        list.set("data", to: .array((list["data"]?.array ?? []).map(withoutSecret)))
        return list
    }

    func deleteEndpoint(_ id: String) throws -> JSONValue {
        _ = try get(.webhookEndpoint, id)
        try db.execute(sql: "DELETE FROM objects WHERE id = ?", arguments: [id])
        return ["id": .string(id), "object": "webhook_endpoint", "deleted": true]
    }

    /// The enabled endpoints that listen to a type of event.
    func endpoints(for type: String) throws -> [String] {
        try all(.webhookEndpoint, .status, is: "enabled").compactMap { endpoint in
            let events = (endpoint["enabled_events"]?.array ?? []).compactMap(\.string)
            return events.contains("*") || events.contains(type) ? endpoint["id"]?.string : nil
        }
    }

    private func withoutSecret(_ endpoint: JSONValue) -> JSONValue {
        guard case .object(var object) = endpoint else { return endpoint }
        object["secret"] = nil
        return .object(object)
    }
}
