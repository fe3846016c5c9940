import JSON

/// https://docs.stripe.com/api/products/object
public struct StripeProduct: Sendable, Equatable {
    public let id: String
    public let name: String
    /// Nothing of an inactive product can be bought on a checkout page.
    public let isActive: Bool
    public let metadata: [String: String]
    public let livemode: Bool

    public init(_ value: JSONValue) throws(StripeDecodingError) {
        let wire = try WireObject(value, type: "product")
        id = try wire.string("id")
        name = try wire.string("name")
        isActive = try wire.bool("active")
        metadata = try wire.metadata()
        livemode = try wire.bool("livemode")
    }
}

/// https://docs.stripe.com/api/prices/object
public struct StripePrice: Sendable, Equatable {
    public let id: String
    public let productID: String
    public let lookupKey: String?
    public let isActive: Bool
    /// In the currency's minor unit; nil for prices that are no whole number of it or have tiers.
    public let unitAmount: Int64?
    /// ISO 4217, lower case.
    public let currency: String
    /// `day`, `week`, `month` or `year`; nil for a price that is paid once.
    public let interval: String?
    public let intervalCount: Int64?
    public let metadata: [String: String]
    public let livemode: Bool

    public init(_ value: JSONValue) throws(StripeDecodingError) {
        try self.init(WireObject(value, type: "price"))
    }

    init(_ wire: WireObject) throws(StripeDecodingError) {
        id = try wire.string("id")
        productID = try wire.id("product")
        lookupKey = try wire.optionalString("lookup_key")
        isActive = try wire.bool("active")
        unitAmount = try wire.optionalInt("unit_amount")
        currency = try wire.string("currency")
        let recurring = try wire.optionalObject("recurring")
        interval = try recurring?.string("interval")
        intervalCount = try recurring?.int("interval_count")
        metadata = try wire.metadata()
        livemode = try wire.bool("livemode")
    }
}
