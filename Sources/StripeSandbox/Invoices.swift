import JSON

// Invoices: docs.stripe.com/api/invoices. Drafts, finalization and customer balances follow
// docs.stripe.com/invoicing/integration/workflow-transitions and
// docs.stripe.com/billing/customer/balance.

extension Account {
    /// A draft invoice of a subscription, with what was waiting for it. It becomes the
    /// subscription's latest invoice.
    func draftInvoice(
        of subscription: inout JSONValue, lines: [InvoiceLine], reason: String,
        period: (start: Int64, end: Int64)? = nil, prorationDate: Int64? = nil,
        isBilled: Bool = true
    ) throws -> JSONValue {
        let id = newID("in")
        let subscriptionID = subscription["id"]?.string ?? ""
        var lines = lines
        try addInvoiceItems(
            for: &lines, customer: subscription["customer"] ?? .null,
            subscription: subscriptionID)
        try markInvoiced(lines, invoice: id)
        let invoice = try invoiceObject(
            id: id, subscription: subscription, lines: lines, reason: reason,
            period: period ?? (now, now), prorationDate: prorationDate)
        try save(invoice)
        for (line, json) in zip(lines, invoice.at("lines", "data")?.array ?? [])
        where isBilled && line.isBilling {
            try noteBilled(
                item: line.item, price: line.price.id, quantity: line.quantity, invoice: id,
                line: json["id"]?.string, kept: line.kept)
        }
        subscription.set("latest_invoice", to: .string(id))
        try emit("invoice.created", invoice)
        return invoice
    }

    /// An invoice of these lines, saved nowhere: drafts and previews are made of it.
    func invoiceObject(
        id: String, subscription: JSONValue, lines: [InvoiceLine], reason: String,
        period: (start: Int64, end: Int64), prorationDate: Int64? = nil
    ) throws -> JSONValue {
        let subscriptionID = subscription["id"]?.string ?? ""
        let customer = try get(.customer, subscription["customer"]?.string ?? "")
        let subtotal = lines.reduce(0) { $0 + $1.amount }
        let total = subtotal - lines.reduce(0) { $0 + $1.discounted }
        let balance = customer["balance"]?.int ?? 0
        let due = max(total + balance, 0)
        var invoice = try JSONValue.shaped(
            Self.invoiceTemplate,
            [
                "id": .string(id), "created": .int(now), "customer": customer["id"] ?? .null,
                "customer_email": customer["email"] ?? .null,
                "customer_name": customer["name"] ?? .null,
                "currency": subscription["currency"] ?? "usd", "billing_reason": .string(reason),
                "amount_due": .int(due), "amount_remaining": .int(due),
                "starting_balance": .int(balance), "subtotal": .int(subtotal), "total": .int(total),
                "subtotal_excluding_tax": .int(subtotal), "total_excluding_tax": .int(total),
                "discounts": subscription["discounts"] ?? [],
                "auto_advance": .bool(reason == "subscription_cycle"),
                "total_discount_amounts": Self.discountAmounts(lines),
                "test_clock": customer["test_clock"] ?? .null,
                "period_start": .int(period.start), "period_end": .int(period.end),
            ])
        let data = lines.map {
            $0.json(id: newID("il"), invoice: id, subscription: subscriptionID)
        }
        invoice.set("lines", to: .list(data, url: "/v1/invoices/\(id)/lines"))
        invoice.set(
            "parent",
            to: [
                "type": "subscription_details", "quote_details": .null,
                "subscription_details": [
                    "metadata": subscription["metadata"] ?? [:],
                    "subscription": .string(subscriptionID),
                    "subscription_proration_date": .integer(prorationDate),
                ],
            ])
        return invoice
    }

    private static func discountAmounts(_ lines: [InvoiceLine]) -> JSONValue {
        var sums: [(id: String, amount: Int64)] = []
        for discount in lines.flatMap(\.discounts) {
            if let place = sums.firstIndex(where: { $0.id == discount.id }) {
                sums[place].amount += discount.amount
            } else {
                sums.append(discount)
            }
        }
        return .array(sums.map { ["amount": .int($0.amount), "discount": .string($0.id)] })
    }

    /// Opens a draft: it takes its number and the customer's balance. A negative total, or a credit
    /// that covers it, leaves nothing to pay and the invoice is paid at once.
    func finalize(_ invoice: inout JSONValue) throws {
        guard let id = invoice["id"]?.string, let owner = invoice["customer"]?.string
        else { return }
        var customer = try get(.customer, owner)
        let balance = customer["balance"]?.int ?? 0
        let sum = (invoice["total"]?.int ?? 0) + balance
        // Below the minimum charge nothing is charged: the sum goes on the balance as a debt.
        let due = Currencies.due(of: sum, invoice["currency"]?.string ?? "usd")
        let ending = sum - due
        let sequence = customer["next_invoice_sequence"]?.int ?? 1
        let prefix = customer["invoice_prefix"]?.string ?? "CX"
        let place = String(sequence)
        let padded = String(repeating: "0", count: max(0, 4 - place.count)) + place
        invoice.set("number", to: .string("\(prefix)-\(padded)"))
        invoice.set("status", to: "open")
        invoice.set("auto_advance", to: .bool(invoice["billing_reason"] == "subscription_cycle"))
        invoice.set("automatically_finalizes_at", to: .null)
        invoice.set("effective_at", to: .int(now))
        invoice.set("status_transitions", "finalized_at", to: .int(now))
        invoice.set("starting_balance", to: .int(balance))
        invoice.set("ending_balance", to: .int(ending))
        invoice.set("amount_due", to: .int(due))
        invoice.set("amount_remaining", to: .int(due))
        invoice.set("hosted_invoice_url", to: .string("\(baseURL)/i/\(id)"))
        try save(invoice)
        if customer["deleted"]?.bool != true {
            customer.set("next_invoice_sequence", to: .int(sequence + 1))
            customer.set("balance", to: .int(ending))
            customer.set("currency", to: invoice["currency"] ?? .null)
            try save(customer)
        }
        try emit("invoice.finalized", invoice)
        try endDiscounts(after: invoice)
        if due == 0 { try markPaid(&invoice) }
    }

    /// `invoice.payment_succeeded` tells of a payment intent that succeeded: what is free, covered
    /// by the balance or paid outside of Stripe is told by `invoice.paid` alone
    /// (docs.stripe.com/invoicing/overview).
    func markPaid(_ invoice: inout JSONValue, isCharged: Bool = false) throws {
        guard let id = invoice["id"]?.string else { return }
        invoice.set("status", to: "paid")
        invoice.set("amount_paid", to: invoice["amount_due"] ?? 0)
        invoice.set("amount_remaining", to: 0)
        invoice.set("attempted", to: true)
        invoice.set("auto_advance", to: false)
        invoice.set("next_payment_attempt", to: .null)
        invoice.set("status_transitions", "paid_at", to: .int(now))
        try save(invoice)
        try unschedule(.retryPayment, id)
        try settleInvoicePayment(of: id, isCharged: isCharged)
        try emit("invoice.paid", invoice)
        if isCharged { try emit("invoice.payment_succeeded", invoice) }
        try applyPendingUpdate(paidBy: invoice)
        try finishResuming(paidBy: invoice)
    }

    func retrieveInvoice(_ id: String) throws -> JSONValue { try get(.invoice, id) }

    func listInvoiceLines(_ id: String, _ parameters: Parameters) throws -> JSONValue {
        let lines = try get(.invoice, id).at("lines", "data")?.array ?? []
        return try slice(lines, parameters, url: "/v1/invoices/\(id)/lines")
    }

    func listInvoices(_ parameters: Parameters) throws -> JSONValue {
        try page(
            .invoice, parameters, url: "/v1/invoices",
            where: [
                (.customer, parameters.text("customer")),
                (.parent, parameters.text("subscription")),
                (
                    .status,
                    try parameters.choice(
                        "status", of: ["draft", "open", "paid", "uncollectible", "void"])
                ),
            ])
    }

    private static let invoiceTemplate = """
        {"id":null,"object":"invoice","account_country":"US","account_name":"Sandbox",
        "account_tax_ids":null,"amount_due":0,"amount_overpaid":0,"amount_paid":0,
        "amount_remaining":0,"amount_shipping":0,"application":null,"attempt_count":0,
        "attempted":false,"auto_advance":true,"automatic_tax":{"disabled_reason":null,
        "enabled":false,"liability":null,"provider":null,"status":null},
        "automatically_finalizes_at":null,"billing_reason":null,
        "collection_method":"charge_automatically","created":0,"currency":"usd",
        "custom_fields":null,"customer":null,"customer_address":null,"customer_email":null,
        "customer_name":null,"customer_phone":null,"customer_shipping":null,
        "customer_tax_exempt":"none","customer_tax_ids":[],"default_payment_method":null,
        "default_source":null,"default_tax_rates":[],"description":null,"discounts":[],
        "due_date":null,"effective_at":null,"ending_balance":null,"footer":null,
        "from_invoice":null,"hosted_invoice_url":null,"invoice_pdf":null,
        "issuer":{"type":"self"},"last_finalization_error":null,"latest_revision":null,
        "lines":null,"livemode":false,"metadata":{},"next_payment_attempt":null,"number":null,
        "on_behalf_of":null,"parent":null,"payment_settings":{"default_mandate":null,
        "payment_method_options":null,"payment_method_types":null},"period_end":0,
        "period_start":0,"post_payment_credit_notes_amount":0,
        "pre_payment_credit_notes_amount":0,"receipt_number":null,"rendering":null,
        "shipping_cost":null,"shipping_details":null,"starting_balance":0,
        "statement_descriptor":null,"status":"draft","status_transitions":{"finalized_at":null,
        "marked_uncollectible_at":null,"paid_at":null,"voided_at":null},"subtotal":0,
        "subtotal_excluding_tax":0,"test_clock":null,"total":0,"total_discount_amounts":[],
        "total_excluding_tax":0,"total_pretax_credit_amounts":[],"total_taxes":[],
        "webhooks_delivered_at":null}
        """
}
