import JSON

/// https://docs.stripe.com/api/customers/object
public struct StripeCustomer: Sendable, Equatable {
    public let id: String
    /// A deleted customer keeps its id and nothing else.
    public let isDeleted: Bool
    public let email: String?
    /// In the minor unit; negative where the customer has credit that the next invoice uses.
    public let balance: Int64
    public let metadata: [String: String]
    /// What pays the invoices of subscriptions that name nothing of their own.
    public let paymentMethodID: String?
    /// Unix seconds; nil for a deleted customer.
    public let createdAt: Int64?
    /// Nil for a deleted customer.
    public let livemode: Bool?

    public init(_ value: JSONValue) throws(StripeDecodingError) {
        let wire = try WireObject(value, type: "customer")
        id = try wire.string("id")
        isDeleted = try wire.optionalBool("deleted") ?? false
        email = try wire.optionalString("email")
        balance = try wire.optionalInt("balance") ?? 0
        metadata = try wire.metadata()
        paymentMethodID = try wire.optionalObject("invoice_settings")?
            .optionalID("default_payment_method")
        createdAt = isDeleted ? nil : try wire.seconds("created")
        livemode = isDeleted ? nil : try wire.bool("livemode")
    }
}
