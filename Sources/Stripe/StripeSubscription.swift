import JSON

/// https://docs.stripe.com/api/subscriptions/object
public struct StripeSubscription: Sendable, Equatable {
    /// https://docs.stripe.com/billing/subscriptions/overview
    public enum Status: Sendable, Equatable {
        case incomplete
        case incompleteExpired
        case trialing
        case active
        case pastDue
        case canceled
        case unpaid
        case paused
        /// One that this version does not know, as it was written.
        case unknown(String)
    }

    /// What is subscribed to. Since the release `basil` the period belongs to the item.
    public struct Item: Sendable, Equatable {
        public let id: String
        public let price: StripePrice
        public let quantity: Int64?
        /// Unix seconds, the first of the period.
        public let currentPeriodStart: Int64
        /// Unix seconds, the first after the period.
        public let currentPeriodEnd: Int64
    }

    /// A change that waits for its payment; until then the items are as before.
    public struct PendingUpdate: Sendable, Equatable {
        /// Unix seconds; then it is dropped.
        public let expiresAt: Int64
        /// What the subscription consists of afterwards; empty if the items stay.
        public let items: [StripeSubscriptionSchedule.Item]
        /// The prices of these items.
        public let prices: [StripePrice]
    }

    public let id: String
    public let customerID: String
    public let status: Status
    public let items: [Item]
    public let currency: String
    public let cancelAtPeriodEnd: Bool
    /// What becomes of its invoices while collection is paused, e.g. `void`; nil where it is not.
    public let pauseBehavior: String?
    /// When a pause of the collection ends by itself; nil where there is none or it does not. Unix
    /// seconds, as all the instants below.
    public let resumesAt: Int64?
    public let cancelAt: Int64?
    /// When the cancellation was asked for, not when it takes effect.
    public let canceledAt: Int64?
    public let endedAt: Int64?
    public let trialStart: Int64?
    public let trialEnd: Int64?
    /// The schedule that manages it, e.g. for a lower plan at the period's end. While one is
    /// attached, Stripe refuses to change how the subscription ends.
    public let scheduleID: String?
    public let pendingUpdate: PendingUpdate?
    /// Its discounts; ``StripeClient/listDiscounts`` tells what they are.
    public let discountIDs: [String]
    /// What pays its invoices; nil for what the customer's settings name.
    public let paymentMethodID: String?
    public let latestInvoiceID: String?
    /// Only where the call asked for it.
    public let latestInvoice: StripeInvoice?
    public let metadata: [String: String]
    public let createdAt: Int64
    public let livemode: Bool

    public init(_ value: JSONValue) throws(StripeDecodingError) {
        let wire = try WireObject(value, type: "subscription")
        id = try wire.string("id")
        customerID = try wire.id("customer")
        status = Status(try wire.string("status"))
        var items: [Item] = []
        for item in try wire.object("items").elements("data") { items.append(try Item(item)) }
        self.items = items
        currency = try wire.string("currency")
        cancelAtPeriodEnd = try wire.bool("cancel_at_period_end")
        let pause = try wire.optionalObject("pause_collection")
        pauseBehavior = try pause?.optionalString("behavior")
        resumesAt = try pause?.optionalSeconds("resumes_at")
        cancelAt = try wire.optionalSeconds("cancel_at")
        canceledAt = try wire.optionalSeconds("canceled_at")
        endedAt = try wire.optionalSeconds("ended_at")
        trialStart = try wire.optionalSeconds("trial_start")
        trialEnd = try wire.optionalSeconds("trial_end")
        scheduleID = try wire.optionalID("schedule")
        pendingUpdate = try wire.optionalObject("pending_update").map {
            (update) throws(StripeDecodingError) in try PendingUpdate(update)
        }
        discountIDs = try wire.optionalIDs("discounts")
        paymentMethodID = try wire.optionalID("default_payment_method")
        latestInvoiceID = try wire.optionalID("latest_invoice")
        if let invoice = try wire.expanded("latest_invoice") {
            latestInvoice = try StripeInvoice(invoice)
        } else {
            latestInvoice = nil
        }
        metadata = try wire.metadata()
        createdAt = try wire.seconds("created")
        livemode = try wire.bool("livemode")
    }
}

extension StripeSubscription.PendingUpdate {
    init(_ wire: WireObject) throws(StripeDecodingError) {
        expiresAt = try wire.seconds("expires_at")
        var (items, prices): ([StripeSubscriptionSchedule.Item], [StripePrice]) = ([], [])
        for item in try wire.optionalElements("subscription_items") {
            let price = try StripePrice(item.object("price"))
            prices.append(price)
            items.append(
                StripeSubscriptionSchedule.Item(
                    priceID: price.id, quantity: try item.optionalInt("quantity")))
        }
        (self.items, self.prices) = (items, prices)
    }
}

extension StripeSubscription.Item {
    init(_ wire: WireObject) throws(StripeDecodingError) {
        id = try wire.string("id")
        price = try StripePrice(wire.object("price"))
        quantity = try wire.optionalInt("quantity")
        currentPeriodStart = try wire.seconds("current_period_start")
        currentPeriodEnd = try wire.seconds("current_period_end")
    }
}

extension StripeSubscription.Status {
    private static let names: [(name: String, status: Self)] = [
        ("incomplete", .incomplete), ("incomplete_expired", .incompleteExpired),
        ("trialing", .trialing), ("active", .active), ("past_due", .pastDue),
        ("canceled", .canceled), ("unpaid", .unpaid), ("paused", .paused),
    ]

    public init(_ text: String) {
        self = Self.names.first { $0.name == text }?.status ?? .unknown(text)
    }

    /// As Stripe writes it.
    public var text: String {
        if case .unknown(let text) = self { return text }
        return Self.names.first { $0.status == self }?.name ?? ""
    }
}
