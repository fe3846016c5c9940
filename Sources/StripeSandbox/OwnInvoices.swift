import JSON

// Invoices that no subscription makes: docs.stripe.com/api/invoices/create,
// docs.stripe.com/api/invoiceitems/create.

extension Account {
    static let newInvoiceFields = [
        "customer", "currency", "description", "collection_method", "auto_advance",
        "pending_invoice_items_behavior", "automatic_tax[enabled]", "default_payment_method",
        "metadata*", "expand*",
    ]
    static let newInvoiceItemFields = [
        "customer", "invoice", "amount", "currency", "description", "discountable", "metadata*",
        "expand*",
    ]

    /// A draft without lines. Items that wait for the customer's next invoice stay where they are:
    /// the sandbox knows only `exclude`, Stripe's own default.
    func createInvoice(_ parameters: Parameters) throws -> JSONValue {
        let owner = try parameters.required("customer")
        _ = try getLive(.customer, owner, param: "customer")
        _ = try parameters.choice(
            "collection_method", of: ["charge_automatically"], default: "charge_automatically")
        _ = try parameters.choice(
            "pending_invoice_items_behavior", of: ["exclude"], default: "exclude")
        let id = newID("in")
        var invoice = try invoiceObject(
            id: id,
            subscription: [
                "id": "", "customer": .string(owner),
                "currency": .string(try currency(parameters)), "metadata": [:],
            ],
            lines: [], reason: "manual", period: (now, now))
        invoice.set("parent", to: .null)
        invoice.set("description", to: .text(parameters.text("description")))
        invoice.set("metadata", to: try parameters.metadata())
        if let method = parameters.text("default_payment_method") {
            try requireAttached(method, to: owner)
            invoice.set("default_payment_method", to: .string(method))
        }
        let advances = try parameters.bool("auto_advance") ?? false
        invoice.set("auto_advance", to: .bool(advances))
        let adds = try parameters.bool("automatic_tax", "enabled") ?? false
        invoice.set("automatic_tax", "enabled", to: .bool(adds))
        try save(invoice)
        try emit("invoice.created", invoice)
        return invoice
    }

    /// A line of a draft; the sandbox takes items of a named invoice only.
    func createInvoiceItem(_ parameters: Parameters) throws -> JSONValue {
        let owner = try parameters.required("customer")
        let id = try parameters.required("invoice")
        var invoice = try get(.invoice, id, param: "invoice")
        guard invoice["customer"]?.string == owner else {
            throw StripeError.invalid(
                "The invoice does not belong to the customer.", param: "invoice")
        }
        guard invoice["status"] == "draft" else {
            throw StripeError.invalid(
                "You can only add invoice items to a draft invoice.", param: "invoice",
                code: "invoice_not_editable")
        }
        guard let amount = try parameters.int("amount") else {
            throw StripeError.invalid(
                "Missing required param: amount.", param: "amount", code: "parameter_missing")
        }
        let currency = try currency(parameters)
        guard invoice["currency"]?.string == currency else {
            throw StripeError.invalid(
                "The currency of the invoice item must be the invoice's.", param: "currency")
        }
        let item = try ownItem(
            amount, currency, of: invoice, parameters.text("description"),
            metadata: parameters.metadata())
        try save(item)
        try emit("invoiceitem.created", item)
        var lines = invoice.at("lines", "data")?.array ?? []
        lines.append(line(of: item, invoice: id))
        invoice.set("lines", to: .list(lines, url: "/v1/invoices/\(id)/lines"))
        let total = (invoice["total"]?.int ?? 0) + amount
        for name in ["subtotal", "total", "subtotal_excluding_tax", "total_excluding_tax"] {
            invoice.set(name, to: .int(total))
        }
        let due = max(0, total + (invoice["starting_balance"]?.int ?? 0))
        invoice.set("amount_due", to: .int(due))
        invoice.set("amount_remaining", to: .int(due))
        try save(invoice)
        return item
    }

    private func ownItem(
        _ amount: Int64, _ currency: String, of invoice: JSONValue, _ description: String?,
        metadata: JSONValue
    ) throws -> JSONValue {
        [
            "id": .string(newID("ii")), "object": "invoiceitem", "amount": .int(amount),
            "currency": .string(currency), "customer": invoice["customer"] ?? .null,
            "date": .int(now), "description": .text(description), "discountable": false,
            "discounts": [], "invoice": invoice["id"] ?? .null, "livemode": false,
            "metadata": metadata, "net_amount": .int(amount), "parent": .null,
            "period": ["start": .int(now), "end": .int(now)], "pricing": .null,
            "proration": false, "proration_details": .null, "quantity": 1,
            "quantity_decimal": "1", "tax_rates": [],
            "test_clock": invoice["test_clock"] ?? .null,
        ]
    }

    private func line(of item: JSONValue, invoice: String) -> JSONValue {
        [
            "id": .string(newID("il")), "object": "line_item", "amount": item["amount"] ?? 0,
            "currency": item["currency"] ?? "usd", "description": item["description"] ?? .null,
            "discount_amounts": [], "discountable": false, "discounts": [],
            "invoice": .string(invoice), "livemode": false, "metadata": [:],
            "parent": [
                "type": "invoice_item_details", "subscription_item_details": .null,
                "invoice_item_details": [
                    "invoice_item": item["id"] ?? .null, "proration": false,
                    "proration_details": ["credited_items": .null], "subscription": .null,
                ],
            ],
            "period": item["period"] ?? .null, "pretax_credit_amounts": [], "pricing": .null,
            "quantity": 1, "quantity_decimal": "1", "subtotal": item["amount"] ?? 0, "taxes": [],
        ]
    }
}
