/// A change of a subscription's items to other prices and quantities.
public struct StripePriceChange: Sendable, Equatable {
    public struct Item: Sendable, Equatable {
        /// The item to change; nil adds one.
        public var id: String?
        public var priceID: String
        /// Nil for what Stripe takes then: 1 of another price, as many as there are of the same.
        public var quantity: Int64?

        public init(id: String?, priceID: String, quantity: Int64? = nil) {
            self.id = id
            self.priceID = priceID
            self.quantity = quantity
        }
    }

    public var customerID: String
    public var subscriptionID: String
    /// What is left out stays.
    public var items: [Item]
    /// Unix seconds. Preview and change must name the same instant to come to the same amount.
    public var prorationDate: Int64
    /// Whether a new cycle begins at once: what is left of the old one is credited, and the first
    /// interval of the price charged.
    public var startsCycle: Bool

    public init(
        customerID: String, subscriptionID: String, items: [Item], prorationDate: Int64,
        startsCycle: Bool = false
    ) {
        self.startsCycle = startsCycle
        self.customerID = customerID
        self.subscriptionID = subscriptionID
        self.items = items
        self.prorationDate = prorationDate
    }

    /// Of the only item.
    public init(
        customerID: String, subscriptionID: String, itemID: String, priceID: String,
        prorationDate: Int64, startsCycle: Bool = false
    ) {
        self.init(
            customerID: customerID, subscriptionID: subscriptionID,
            items: [Item(id: itemID, priceID: priceID)], prorationDate: prorationDate,
            startsCycle: startsCycle)
    }
}
