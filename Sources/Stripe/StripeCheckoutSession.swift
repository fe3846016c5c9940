import JSON

/// https://docs.stripe.com/api/checkout/sessions/object
public struct StripeCheckoutSession: Sendable, Equatable {
    public enum Status: Sendable, Equatable {
        case open
        case complete
        case expired
        case unknown(String)
    }

    public enum PaymentStatus: Sendable, Equatable {
        case paid
        case unpaid
        /// Nothing is due now, as with a trial.
        case noPaymentRequired
        case unknown(String)
    }

    public let id: String
    public let status: Status?
    public let paymentStatus: PaymentStatus
    /// Where the user pays; nil once the session is no longer open.
    public let url: String?
    public let clientReferenceID: String?
    public let customerID: String?
    /// Set when the session is complete; the subscription is made after the payment.
    public let subscriptionID: String?
    /// Whether it sells once, without a subscription.
    public let isPayment: Bool
    /// What it was paid by; nil for a subscription's session, before it is paid, and if nothing was
    /// due.
    public let paymentIntentID: String?
    /// What is asked for after discounts, with taxes, in the currency's minor unit; nil for a
    /// session that only sets a card up.
    public let amountTotal: Int64?
    /// ISO 4217, lower case.
    public let currency: String?
    public let invoiceID: String?
    public let metadata: [String: String]
    /// Unix seconds.
    public let createdAt: Int64
    /// Unix seconds.
    public let expiresAt: Int64
    public let livemode: Bool

    public init(_ value: JSONValue) throws(StripeDecodingError) {
        let wire = try WireObject(value, type: "checkout.session")
        id = try wire.string("id")
        status = try wire.optionalString("status").map { Status($0) }
        paymentStatus = PaymentStatus(try wire.string("payment_status"))
        url = try wire.optionalString("url")
        clientReferenceID = try wire.optionalString("client_reference_id")
        customerID = try wire.optionalID("customer")
        subscriptionID = try wire.optionalID("subscription")
        isPayment = try wire.optionalString("mode") == "payment"
        paymentIntentID = try wire.optionalID("payment_intent")
        amountTotal = try wire.optionalInt("amount_total")
        currency = try wire.optionalString("currency")
        invoiceID = try wire.optionalID("invoice")
        metadata = try wire.metadata()
        createdAt = try wire.seconds("created")
        expiresAt = try wire.seconds("expires_at")
        livemode = try wire.bool("livemode")
    }
}

extension StripeCheckoutSession.Status {
    public init(_ text: String) {
        switch text {
        case "open": self = .open
        case "complete": self = .complete
        case "expired": self = .expired
        default: self = .unknown(text)
        }
    }
}

extension StripeCheckoutSession.PaymentStatus {
    public init(_ text: String) {
        switch text {
        case "paid": self = .paid
        case "unpaid": self = .unpaid
        case "no_payment_required": self = .noPaymentRequired
        default: self = .unknown(text)
        }
    }
}
