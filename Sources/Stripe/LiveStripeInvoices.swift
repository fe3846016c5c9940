/// Invoices of our own, beside those of subscriptions
/// (https://docs.stripe.com/invoicing/integration).
extension StripeClient {
    mutating func connectOwnInvoices(_ api: StripeAPI) {
        createInvoice = { new, key throws(StripeError) in
            try await api.invoice(.post(["invoices"], new.form, key))
        }
        addInvoiceLine = { line, key throws(StripeError) in
            try await api.object(
                .post(["invoiceitems"], line.form, key), StripeInvoiceItem.init
            ) { $0.livemode }
        }
        finalizeInvoice = { id, key throws(StripeError) in
            var form = StripeForm()
            form.add("auto_advance", false)
            return try await api.invoice(.post(["invoices", id, "finalize"], form, key))
        }
        payInvoice = { id, card, key throws(StripeError) in
            var form = StripeForm()
            form.add("off_session", true)
            form.add("payment_method", card)
            return try await api.invoice(.post(["invoices", id, "pay"], form, key))
        }
        listCustomerInvoices = { customerID throws(StripeError) in
            var filter = StripeForm()
            filter.add("customer", customerID)
            return try await api.list(
                ["invoices"], filter, StripeInvoice.init, id: { $0.id }, livemode: { $0.livemode })
        }
    }
}

/// An invoice to be made for a customer. What else waits for the customer's next invoice does not
/// get into it.
public struct NewStripeInvoice: Sendable, Equatable {
    public var customerID: String
    /// ISO 4217, lower case.
    public var currency: String
    /// Customers see it.
    public var description: String
    /// Whether Stripe adds tax.
    public var addsTax: Bool
    public var metadata: [String: String]

    public init(
        customerID: String, currency: String, description: String, addsTax: Bool,
        metadata: [String: String]
    ) {
        self.customerID = customerID
        self.currency = currency
        self.description = description
        self.addsTax = addsTax
        self.metadata = metadata
    }

    fileprivate var form: StripeForm {
        var form = StripeForm()
        form.add("customer", customerID)
        form.add("currency", currency)
        form.add("description", description)
        form.add("collection_method", "charge_automatically")
        form.add("auto_advance", false)
        form.add("pending_invoice_items_behavior", "exclude")
        if addsTax { form.add("automatic_tax[enabled]", true) }
        form.add("metadata", metadata)
        return form
    }
}

/// A line of a draft.
public struct NewStripeInvoiceLine: Sendable, Equatable {
    public var customerID: String
    public var invoiceID: String
    /// In the currency's minor unit.
    public var amount: Int64
    /// ISO 4217, lower case.
    public var currency: String
    /// Customers see it.
    public var description: String

    public init(
        customerID: String, invoiceID: String, amount: Int64, currency: String,
        description: String
    ) {
        self.customerID = customerID
        self.invoiceID = invoiceID
        self.amount = amount
        self.currency = currency
        self.description = description
    }

    fileprivate var form: StripeForm {
        var form = StripeForm()
        form.add("customer", customerID)
        form.add("invoice", invoiceID)
        form.add("amount", amount)
        form.add("currency", currency)
        form.add("description", description)
        form.add("discountable", false)
        return form
    }
}
