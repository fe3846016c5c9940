import JSON

/// What a coupon takes off a subscription (https://docs.stripe.com/api/discounts/object).
public struct StripeDiscount: Sendable, Equatable {
    /// The coupon's name, or its id if it has none.
    public let name: String
    /// Unix seconds; nil for one that ends with its invoice, or never.
    public let endsAt: Int64?
}

extension StripeDiscount {
    init(_ wire: WireObject) throws(StripeDecodingError) {
        let source = try wire.object("source")
        let id = try source.id("coupon")
        name = try source.expanded("coupon")?.optionalString("name") ?? id
        endsAt = try wire.optionalSeconds("end")
    }

    /// Those of a subscription whose answer has them expanded.
    static func all(of value: JSONValue) throws(StripeDecodingError) -> [StripeDiscount] {
        let wire = try WireObject(value, type: "subscription")
        var all: [StripeDiscount] = []
        for discount in try wire.optionalElements("discounts") {
            all.append(try StripeDiscount(discount))
        }
        return all
    }
}
