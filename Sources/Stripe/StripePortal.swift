import JSON

/// A visit to the customer portal.
public struct NewStripePortalSession: Sendable, Equatable {
    public var customerID: String
    /// Where the page leads back to.
    public var returnURL: String
    /// What the page offers; nil for the account's default configuration.
    public var configurationID: String?

    public init(customerID: String, returnURL: String, configurationID: String? = nil) {
        self.customerID = customerID
        self.returnURL = returnURL
        self.configurationID = configurationID
    }
}

/// https://docs.stripe.com/api/customer_portal/sessions/object
public struct StripePortalSession: Sendable, Equatable {
    public let id: String
    public let url: String
    public let livemode: Bool

    public init(_ value: JSONValue) throws(StripeDecodingError) {
        let wire = try WireObject(value, type: "billing_portal.session")
        id = try wire.string("id")
        url = try wire.string("url")
        livemode = try wire.bool("livemode")
    }
}

/// A portal with cards and invoices, and without changes of the plan.
public struct NewStripePortalConfiguration: Sendable, Equatable {
    public var headline: String
    public var returnURL: String
    public var metadata: [String: String]
    /// Whether a subscription can be canceled there, at its period's end.
    public var cancels: Bool
    /// Whether the address can be changed there.
    public var hasAddress: Bool

    public init(
        headline: String, returnURL: String, metadata: [String: String], cancels: Bool = true,
        hasAddress: Bool = false
    ) {
        self.headline = headline
        self.returnURL = returnURL
        self.metadata = metadata
        self.cancels = cancels
        self.hasAddress = hasAddress
    }
}

/// What the customer portal offers
/// (https://docs.stripe.com/api/customer_portal/configurations/object).
public struct StripePortalConfiguration: Sendable, Equatable {
    public let id: String
    public let isActive: Bool
    public let metadata: [String: String]
    public let hasInvoices: Bool
    public let hasCards: Bool
    public let hasCancellation: Bool
    /// `at_period_end` or `immediately`.
    public let cancellationMode: String?
    /// Whether customers may change what they subscribe to.
    public let hasPlanChanges: Bool
    public let livemode: Bool

    public init(_ value: JSONValue) throws(StripeDecodingError) {
        let wire = try WireObject(value, type: "billing_portal.configuration")
        id = try wire.string("id")
        isActive = try wire.bool("active")
        metadata = try wire.metadata()
        let features = try wire.object("features")
        hasInvoices = try features.object("invoice_history").bool("enabled")
        hasCards = try features.object("payment_method_update").bool("enabled")
        let cancellation = try features.object("subscription_cancel")
        hasCancellation = try cancellation.bool("enabled")
        cancellationMode = try cancellation.optionalString("mode")
        hasPlanChanges = try features.object("subscription_update").bool("enabled")
        livemode = try wire.bool("livemode")
    }
}
