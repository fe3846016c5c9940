import JSON

/// Something that happened at Stripe (https://docs.stripe.com/api/events/object).
///
/// Events arrive at least once and in any order, and `object` is how things stood when the event
/// was made. So what counts is fetched anew; the event only says what to look at.
public struct StripeEvent: Sendable, Equatable {
    public let id: String
    /// E.g. `customer.subscription.updated`.
    public let type: String
    /// Unix seconds; many events share one, so it orders nothing. Stripe always tells it, as the
    /// mode; nobody needs either in order to know what to fetch.
    public let createdAt: Int64?
    public let livemode: Bool?
    /// The release of Stripe's API that `object` has the shape of.
    public let apiVersion: String?
    /// What the event is about, in the version of the API that the endpoint was made with.
    public let object: JSONValue
    /// Its id; nil for the few objects that have none.
    public let objectID: String?

    public init(_ value: JSONValue) throws(StripeDecodingError) {
        let wire = try WireObject(value, type: "event")
        id = try wire.string("id")
        type = try wire.string("type")
        createdAt = try wire.optionalSeconds("created")
        livemode = try wire.optionalBool("livemode")
        apiVersion = try wire.optionalString("api_version")
        let data = try wire.object("data")
        object = try data.value("object")
        objectID = try data.object("object").optionalString("id")
    }
}
