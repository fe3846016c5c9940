import JSON

// Webhook endpoints: docs.stripe.com/api/webhook_endpoints. Those of the configuration are kept
// beside those made through the API, under ids of their own.

extension Account {
    static let endpointFields = [
        "url", "enabled_events*", "description", "metadata*", "api_version", "disabled",
        "expand*",
    ]
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
        guard Loopback.isAllowed(url: url) else {
            throw StripeError.invalid(
                "The sandbox delivers webhooks to http:// URLs of this machine only.",
                param: "url")
        }
        let events = parameters.strings("enabled_events")
        guard !events.isEmpty else {
            throw StripeError.invalid(
                "Missing required param: enabled_events.", param: "enabled_events",
                code: "parameter_missing")
        }
        var endpoint = try endpointObject(
            id: newID("we"), url: url, secret: newID("whsec"), events: events)
        endpoint.set("description", to: .text(parameters.text("description")))
        endpoint.set("metadata", to: try parameters.metadata())
        try save(endpoint)
        return endpoint
    }

    private func endpointObject(
        id: String, url: String, secret: String, events: [String]
    ) throws -> JSONValue {
        [
            "id": .string(id), "object": "webhook_endpoint",
            "api_version": .string(Self.apiVersion), "application": .null, "created": .int(now),
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
