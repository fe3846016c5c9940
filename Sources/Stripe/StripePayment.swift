import JSON

/// What was paid toward an invoice (https://docs.stripe.com/api/invoice-payment/object). Since the
/// release `basil` it is the only way from a payment to its invoice.
public struct StripeInvoicePayment: Sendable, Equatable {
    /// Stripe's codes (https://docs.stripe.com/declines/codes).
    public struct Failure: Sendable, Equatable {
        public let code: String?
        public let declineCode: String?
    }

    public let id: String
    public let invoiceID: String
    /// `open`, `paid` or `canceled`.
    public let status: String
    /// In the currency's minor unit, as the next; nil where nothing was paid yet.
    public let amountPaid: Int64?
    public let amountRequested: Int64
    public let currency: String
    /// Nil where it was paid otherwise.
    public let paymentIntentID: String?
    /// E.g. `requires_action` where the bank wants to hear from the card's owner. Only in the list
    /// of an invoice's payments.
    public let paymentIntentStatus: String?
    /// Why its last charge failed, where it did. Only in that list too.
    public let failure: Failure?
    /// Unix seconds.
    public let createdAt: Int64
    public let livemode: Bool

    public init(_ value: JSONValue) throws(StripeDecodingError) {
        let wire = try WireObject(value, type: "invoice_payment")
        id = try wire.string("id")
        invoiceID = try wire.id("invoice")
        status = try wire.string("status")
        amountPaid = try wire.optionalInt("amount_paid")
        amountRequested = try wire.int("amount_requested")
        currency = try wire.string("currency")
        let payment = try wire.object("payment")
        paymentIntentID = try payment.optionalID("payment_intent")
        let intent = try payment.expanded("payment_intent")
        paymentIntentStatus = try intent?.optionalString("status")
        if let error = try intent?.optionalObject("last_payment_error") {
            failure = Failure(
                code: try error.optionalString("code"),
                declineCode: try error.optionalString("decline_code"))
        } else {
            failure = nil
        }
        createdAt = try wire.seconds("created")
        livemode = try wire.bool("livemode")
    }
}

/// https://docs.stripe.com/api/refunds/object. A refund does not tell its mode.
public struct StripeRefund: Sendable, Equatable {
    public let id: String
    /// In the currency's minor unit.
    public let amount: Int64
    public let currency: String
    /// `pending`, `requires_action`, `succeeded`, `failed` or `canceled`.
    public let status: String?
    public let paymentIntentID: String?
    /// Unix seconds.
    public let createdAt: Int64

    public init(_ value: JSONValue) throws(StripeDecodingError) {
        let wire = try WireObject(value, type: "refund")
        id = try wire.string("id")
        amount = try wire.int("amount")
        currency = try wire.string("currency")
        status = try wire.optionalString("status")
        paymentIntentID = try wire.optionalID("payment_intent")
        createdAt = try wire.seconds("created")
    }
}

/// What the event `charge.refunded` is about (https://docs.stripe.com/api/charges/object).
public struct StripeCharge: Sendable, Equatable {
    public let id: String
    public let paymentIntentID: String?
    public let customerID: String?
    /// In the currency's minor unit, as the next.
    public let amount: Int64
    public let amountRefunded: Int64
    public let currency: String
    public let isRefundedInFull: Bool
    public let livemode: Bool

    public init(_ value: JSONValue) throws(StripeDecodingError) {
        let wire = try WireObject(value, type: "charge")
        id = try wire.string("id")
        paymentIntentID = try wire.optionalID("payment_intent")
        customerID = try wire.optionalID("customer")
        amount = try wire.int("amount")
        amountRefunded = try wire.int("amount_refunded")
        currency = try wire.string("currency")
        isRefundedInFull = try wire.bool("refunded")
        livemode = try wire.bool("livemode")
    }
}

/// What the events `charge.dispute.*` are about (https://docs.stripe.com/api/disputes/object).
public struct StripeDispute: Sendable, Equatable {
    public let id: String
    public let chargeID: String
    public let paymentIntentID: String?
    /// What is disputed, in the currency's minor unit; it may be a part of the charge.
    public let amount: Int64
    /// E.g. `needs_response`, `under_review`, `won`, `lost`.
    public let status: String
    public let livemode: Bool

    public init(_ value: JSONValue) throws(StripeDecodingError) {
        let wire = try WireObject(value, type: "dispute")
        id = try wire.string("id")
        chargeID = try wire.id("charge")
        paymentIntentID = try wire.optionalID("payment_intent")
        amount = try wire.int("amount")
        status = try wire.string("status")
        livemode = try wire.bool("livemode")
    }
}
