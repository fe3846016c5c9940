import JSON

/// A subscription that is about to start.
struct NewSubscription {
    struct Item {
        var price: JSONValue
        var quantity: Int64
        var metadata: JSONValue = [:]
    }

    var customer: String
    var items: [Item]
    var metadata: JSONValue = [:]
    var defaultPaymentMethod: String?
    var trialEnd: Int64?
    var withoutPaymentMethod = "create_invoice"
    var paymentBehavior = "allow_incomplete"
    var isAuthenticated = false
    var isFlexible = true
    var description: String?
    var discounts: [JSONValue] = []
}
