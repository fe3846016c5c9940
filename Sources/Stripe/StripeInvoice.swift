import JSON

/// https://docs.stripe.com/api/invoices/object. Amounts are in the currency's minor unit, instants
/// in Unix seconds.
public struct StripeInvoice: Sendable, Equatable {
    public enum Status: Sendable, Equatable {
        case draft
        case open
        case paid
        case uncollectible
        case void
        case unknown(String)
    }

    public struct Line: Sendable, Equatable {
        public let id: String
        /// Negative where it gives unused time back.
        public let amount: Int64
        public let currency: String
        public let description: String?
        /// Whether it stands for a part of a period that a change of price has cut.
        public let isProration: Bool
        public let periodStart: Int64
        public let periodEnd: Int64
        public let priceID: String?
        public let productID: String?
        public let quantity: Int64?
        public let subscriptionItemID: String?
        /// The invoice item that stands behind a proration; it had the same id while it waited for
        /// its invoice.
        public let invoiceItemID: String?
        /// Whether it gives back what was billed before.
        public let isCredit: Bool
    }

    public let id: String
    public let status: Status?
    public let customerID: String?
    /// Nil for an invoice that is not a subscription's.
    public let subscriptionID: String?
    /// E.g. `subscription_create`, `subscription_cycle`, `subscription_update`.
    public let billingReason: String?
    /// How often its payment was tried by Stripe itself; a try of the user's does not count.
    public let attemptCount: Int64
    public let amountDue: Int64
    public let amountPaid: Int64
    /// Before credit of the customer's balance is used; negative where the change gives back.
    public let total: Int64
    /// Before discounts and tax.
    public let subtotal: Int64
    /// The tax that comes on top.
    public let tax: Int64
    /// ISO 4217, lower case.
    public let currency: String
    public internal(set) var lines: [Line]
    /// Whether Stripe has more lines than it sent along. A list of a subscription's invoices has
    /// them all.
    public internal(set) var hasMoreLines: Bool
    /// The period that the invoice looks back on; the lines have the periods that are paid for.
    public let periodStart: Int64
    public let periodEnd: Int64
    public let createdAt: Int64
    public let paidAt: Int64?
    public let nextPaymentAttemptAt: Int64?
    /// Where the user can pay it; nil for a draft.
    public let hostedURL: String?
    public let metadata: [String: String]
    public let livemode: Bool

    public init(_ value: JSONValue) throws(StripeDecodingError) {
        try self.init(WireObject(value, type: "invoice"))
    }

    init(_ wire: WireObject) throws(StripeDecodingError) {
        id = try wire.string("id")
        status = try wire.optionalString("status").map { Status($0) }
        customerID = try wire.optionalID("customer")
        let parent = try wire.optionalObject("parent")
        subscriptionID =
            try parent?.optionalObject("subscription_details")?.optionalID("subscription")
        billingReason = try wire.optionalString("billing_reason")
        attemptCount = try wire.int("attempt_count")
        amountDue = try wire.int("amount_due")
        amountPaid = try wire.int("amount_paid")
        total = try wire.int("total")
        subtotal = try wire.optionalInt("subtotal") ?? total
        var tax: Int64 = 0
        for part in try wire.optionalElements("total_taxes") { tax += try part.int("amount") }
        self.tax = tax
        currency = try wire.string("currency")
        let list = try wire.object("lines")
        var lines: [Line] = []
        for line in try list.elements("data") { lines.append(try Line(line)) }
        self.lines = lines
        hasMoreLines = try list.bool("has_more")
        periodStart = try wire.seconds("period_start")
        periodEnd = try wire.seconds("period_end")
        createdAt = try wire.seconds("created")
        paidAt = try wire.object("status_transitions").optionalSeconds("paid_at")
        nextPaymentAttemptAt = try wire.optionalSeconds("next_payment_attempt")
        hostedURL = try wire.optionalString("hosted_invoice_url")
        metadata = try wire.metadata()
        livemode = try wire.bool("livemode")
    }
}

extension StripeInvoice.Line {
    init(_ value: JSONValue) throws(StripeDecodingError) {
        try self.init(WireObject(value, type: "line_item"))
    }

    init(_ wire: WireObject) throws(StripeDecodingError) {
        id = try wire.string("id")
        amount = try wire.int("amount")
        currency = try wire.string("currency")
        description = try wire.optionalString("description")
        let parent = try wire.optionalObject("parent")
        let item = try parent?.optionalObject("subscription_item_details")
        let invoiceItem = try parent?.optionalObject("invoice_item_details")
        let details = item ?? invoiceItem
        isProration = try details?.optionalBool("proration") ?? false
        subscriptionItemID = try item?.optionalID("subscription_item")
        invoiceItemID = try details?.optionalID("invoice_item")
        let credited = try details?.optionalObject("proration_details")?
            .optionalObject("credited_items")
        isCredit = amount < 0 || credited != nil
        let period = try wire.object("period")
        periodStart = try period.seconds("start")
        periodEnd = try period.seconds("end")
        let pricing = try wire.optionalObject("pricing")
        let price = try pricing?.optionalObject("price_details")
        priceID = try price?.optionalID("price")
        productID = try price?.optionalID("product")
        quantity = try wire.optionalInt("quantity")
    }
}

/// A line that waits for the next invoice (https://docs.stripe.com/api/invoiceitems/object).
public struct StripeInvoiceItem: Sendable, Equatable {
    public let subscriptionID: String?
    /// As it will be a line of the invoice.
    public let line: StripeInvoice.Line
    public let livemode: Bool

    public init(_ value: JSONValue) throws(StripeDecodingError) {
        let wire = try WireObject(value, type: "invoiceitem")
        let parent = try wire.optionalObject("parent")?.optionalObject("subscription_details")
        subscriptionID = try parent?.optionalID("subscription")
        let period = try wire.object("period")
        let price = try wire.optionalObject("pricing")?.optionalObject("price_details")
        let amount = try wire.int("amount")
        let credited = try wire.optionalObject("proration_details")?
            .optionalObject("credited_items")
        let id = try wire.string("id")
        line = StripeInvoice.Line(
            id: id, amount: amount, currency: try wire.string("currency"),
            description: try wire.optionalString("description"),
            isProration: try wire.bool("proration"), periodStart: try period.seconds("start"),
            periodEnd: try period.seconds("end"), priceID: try price?.optionalID("price"),
            productID: try price?.optionalID("product"),
            quantity: try wire.optionalInt("quantity"),
            subscriptionItemID: try parent?.optionalID("subscription_item"), invoiceItemID: id,
            isCredit: amount < 0 || credited != nil)
        livemode = try wire.bool("livemode")
    }
}

extension StripeInvoice.Status {
    public init(_ text: String) {
        switch text {
        case "draft": self = .draft
        case "open": self = .open
        case "paid": self = .paid
        case "uncollectible": self = .uncollectible
        case "void": self = .void
        default: self = .unknown(text)
        }
    }
}

/// Which invoice comes next (https://docs.stripe.com/api/invoices/create_preview).
public enum StripeNextInvoice: Sendable, Equatable {
    case subscription(String)
    /// Of a subscription whose schedule brings something else with it.
    case schedule(String)

    var form: StripeForm {
        var form = StripeForm()
        switch self {
        case .subscription(let id): form.add("subscription", id)
        case .schedule(let id): form.add("schedule", id)
        }
        return form
    }
}
