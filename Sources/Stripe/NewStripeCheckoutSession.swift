/// A hosted page on which a user pays for a subscription.
public struct NewStripeCheckoutSession: Sendable, Equatable {
    public var customerID: String
    public var priceID: String
    /// What is sold beside it: the price of a seat, and how many. `nil`: nothing.
    public var seats: StripeSubscriptionSchedule.Item?
    /// The user's id; it comes back with the completed session.
    public var clientReferenceID: String
    /// `{CHECKOUT_SESSION_ID}` in it is replaced by Stripe.
    public var successURL: String
    public var cancelURL: String
    /// Days of trial, at least 1; nil for none.
    public var trialDays: Int?
    /// Whether a promotion code may be entered. No card is asked for then where nothing is due.
    public var takesPromotionCodes: Bool
    /// Whether Stripe adds tax, for which the page asks for the address.
    public var addsTax: Bool
    /// Kept with the session and with the subscription that it makes.
    public var metadata: [String: String]
    /// Unix seconds, 30 minutes to 24 hours ahead; nil for 24 hours.
    public var expiresAt: Int64?

    public init(
        customerID: String, priceID: String, seats: StripeSubscriptionSchedule.Item? = nil,
        clientReferenceID: String, successURL: String, cancelURL: String, trialDays: Int? = nil,
        takesPromotionCodes: Bool = false,
        addsTax: Bool = false, metadata: [String: String] = [:],
        expiresAt: Int64? = nil
    ) {
        self.customerID = customerID
        self.priceID = priceID
        self.seats = seats
        self.clientReferenceID = clientReferenceID
        self.successURL = successURL
        self.cancelURL = cancelURL
        self.trialDays = trialDays
        self.takesPromotionCodes = takesPromotionCodes
        self.addsTax = addsTax
        self.metadata = metadata
        self.expiresAt = expiresAt
    }
}
