import JSON

/// A payment method as far as its payer knows it again
/// (https://docs.stripe.com/api/payment_methods/object).
public struct StripeCard: Sendable, Equatable {
    public let id: String
    /// Whether its owner has agreed to its being used again.
    public let isSaved: Bool
    /// `card`, or another way to pay.
    public let type: String
    /// E.g. `visa`; nil for what is no card.
    public let brand: String?
    public let lastFour: String?
    public let livemode: Bool

    public init(_ value: JSONValue) throws(StripeDecodingError) {
        let wire = try WireObject(value, type: "payment_method")
        id = try wire.string("id")
        isSaved = try wire.optionalString("allow_redisplay") == "always"
        type = try wire.string("type")
        let card = try wire.optionalObject("card")
        brand = try card?.optionalString("brand")
        lastFour = try card?.optionalString("last4")
        livemode = try wire.bool("livemode")
    }
}
