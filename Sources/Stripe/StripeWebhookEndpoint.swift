import JSON

/// An address that Stripe is to send events to.
public struct NewStripeWebhookEndpoint: Sendable, Equatable {
    public var url: String
    /// Types of events, e.g. `invoice.paid`.
    public var events: [String]
    public var description: String?

    public init(url: String, events: [String], description: String? = nil) {
        self.url = url
        self.events = events
        self.description = description
    }
}

/// https://docs.stripe.com/api/webhook_endpoints/object
public struct StripeWebhookEndpoint: Sendable, Equatable {
    public let id: String
    public let url: String
    /// The release of Stripe's API whose objects its events have, for good; nil for the account's
    /// default.
    public let apiVersion: String?
    /// Types of events; `*` is every one.
    public let events: [String]
    public let isEnabled: Bool
    /// What its events are signed with; only the answer to its creation has it.
    public let secret: String?
    public let livemode: Bool

    public init(_ value: JSONValue) throws(StripeDecodingError) {
        let wire = try WireObject(value, type: "webhook_endpoint")
        id = try wire.string("id")
        url = try wire.string("url")
        apiVersion = try wire.optionalString("api_version")
        events = try wire.strings("enabled_events")
        isEnabled = try wire.string("status") == "enabled"
        secret = try wire.optionalString("secret")
        livemode = try wire.bool("livemode")
    }
}
