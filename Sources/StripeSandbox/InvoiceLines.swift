import JSON

/// One line of an invoice of a subscription.
struct InvoiceLine {
    var amount: Int64
    var currency: String
    var description: String
    var start: Int64
    var end: Int64
    var price: PriceTerms
    var quantity: Int64
    var item: String
    var isProration = false
    var invoiceItem: String?
    /// What a credit gives back: the invoice and the line that billed it.
    var credited: BilledItem?
    /// Whether the item counts as billed for this price from now on: not by a credit, and not by a
    /// line that has waited since an earlier change.
    var isBilling = true
    /// What discounts take off, and of which discounts that is.
    var discounts: [(id: String, amount: Int64)] = []
    /// How much of the price is kept after discounts, in hundredths of a percent.
    var kept: Int64 = Reduction.all

    var discounted: Int64 { discounts.reduce(0) { $0 + $1.amount } }

    /// The full price of an item for its period.
    static func full(_ item: SubscriptionItem, name: String) -> InvoiceLine {
        let terms = item.terms
        return InvoiceLine(
            amount: terms.unitAmount * item.quantity, currency: terms.currency,
            description: "\(item.quantity) × \(name) (at \(Money.spoken(terms)))",
            start: item.periodStart, end: item.periodEnd, price: terms, quantity: item.quantity,
            item: item.id)
    }

    /// A trial costs nothing, and its invoice says so.
    static func trial(_ item: SubscriptionItem, name: String, isFlexible: Bool) -> InvoiceLine {
        var line = full(item, name: name)
        line.amount = 0
        line.description =
            isFlexible ? "Free trial for \(item.quantity) × \(name)" : "Trial period for \(name)"
        return line
    }

    func json(id: String, invoice: String, subscription: String) -> JSONValue {
        [
            "id": .string(id), "object": "line_item", "amount": .int(amount),
            "currency": .string(currency), "description": .string(description),
            "discount_amounts": .array(
                discounts.map { ["amount": .int($0.amount), "discount": .string($0.id)] }),
            "discountable": .bool(!isProration), "discounts": [],
            "invoice": .string(invoice), "livemode": false, "metadata": [:],
            "parent": [
                "type": "subscription_item_details", "invoice_item_details": .null,
                "subscription_item_details": [
                    "invoice_item": .text(invoiceItem), "proration": .bool(isProration),
                    "proration_details": ["credited_items": creditedItems],
                    "subscription": .string(subscription), "subscription_item": .string(item),
                ],
            ],
            "period": ["start": .int(start), "end": .int(end)], "pretax_credit_amounts": [],
            "pricing": pricing, "quantity": .int(quantity),
            "quantity_decimal": .string(String(quantity)), "subtotal": .int(amount),
            "taxes": [],
        ]
    }

    /// The line as it waits for the next invoice: docs.stripe.com/api/invoiceitems.
    func pendingItem(id: String, customer: JSONValue, subscription: String, now: Int64)
        -> JSONValue
    {
        [
            "id": .string(id), "object": "invoiceitem", "amount": .int(amount),
            "currency": .string(currency), "customer": customer, "date": .int(now),
            "description": .string(description), "discountable": false,
            "discounts": [], "invoice": .null, "livemode": false, "metadata": [:],
            "net_amount": .int(amount),
            "parent": [
                "type": "subscription_details",
                "subscription_details": [
                    "subscription": .string(subscription), "subscription_item": .string(item),
                ],
            ],
            "period": ["start": .int(start), "end": .int(end)], "pricing": pricing,
            "proration": .bool(isProration),
            "proration_details": [
                "credited_items": pendingCreditedItems, "discount_amounts": [],
            ],
            "quantity": .int(quantity), "quantity_decimal": .string(String(quantity)),
            "tax_rates": [], "test_clock": .null,
        ]
    }

    private var pendingCreditedItems: JSONValue {
        guard creditedItems != .null else { return .null }
        return [
            "type": "invoice_line_items", "invoice_item": .null,
            "invoice_line_item_details": creditedItems,
        ]
    }

    private var pricing: JSONValue {
        [
            "type": "price_details",
            "price_details": ["price": .string(price.id), "product": .string(price.product)],
            "unit_amount_decimal": .string(String(price.unitAmount)),
        ]
    }

    private var creditedItems: JSONValue {
        guard let invoice = credited?.invoice, let line = credited?.line else { return .null }
        return ["invoice": .string(invoice), "invoice_line_items": [.string(line)]]
    }
}

enum Money {
    /// "$20.00 / month", for people.
    static func spoken(_ terms: PriceTerms) -> String {
        let unit = terms.interval.unit.rawValue
        let every = terms.interval.count == 1 ? unit : "\(terms.interval.count) \(unit)s"
        return "\(spoken(terms.unitAmount, terms.currency)) / \(every)"
    }

    static func spoken(_ amount: Int64, _ currency: String) -> String {
        let digits = Currencies.digits(currency)
        let scale = (0..<digits).reduce(Int64(1)) { scale, _ in scale * 10 }
        let rest = String(amount.magnitude % UInt64(scale))
        let padded = String(repeating: "0", count: max(0, digits - rest.count)) + rest
        let whole = String(amount.magnitude / UInt64(scale))
        let text = digits == 0 ? whole : whole + "." + padded
        let symbol = currency == "usd" ? "$" : currency.uppercased() + " "
        return (amount < 0 ? "-" : "") + symbol + text
    }
}

extension Account {
    func productName(of price: JSONValue) throws -> String {
        guard let product = price["product"]?.string else { return "Subscription" }
        return try find(.product, product)?["name"]?.string ?? "Subscription"
    }

    /// Proration lines that wait for the subscription's next invoice.
    func pendingLines(of subscription: String) throws -> [InvoiceLine] {
        try all(.invoiceitem, .parent, is: subscription)
            .filter { $0["invoice"]?.string == nil }
            .map { item in
                let priceID = item.at("pricing", "price_details", "price")?.string ?? ""
                return InvoiceLine(
                    amount: item["amount"]?.int ?? 0, currency: item["currency"]?.string ?? "usd",
                    description: item["description"]?.string ?? "",
                    start: item.at("period", "start")?.int ?? 0,
                    end: item.at("period", "end")?.int ?? 0,
                    price: PriceTerms(try get(.price, priceID)),
                    quantity: item["quantity"]?.int ?? 1,
                    item: item.at(
                        "parent", "subscription_details", "subscription_item")?.string ?? "",
                    isProration: item["proration"]?.bool ?? false,
                    invoiceItem: item["id"]?.string, isBilling: false)
            }
    }

    func listInvoiceItems(_ parameters: Parameters) throws -> JSONValue {
        let pending = try parameters.bool("pending").map { $0 ? "pending" : "invoiced" }
        return try page(
            .invoiceitem, parameters, url: "/v1/invoiceitems",
            where: [(.customer, parameters.text("customer")), (.status, pending)],
            matching: [("json_extract(body, '$.invoice') = ?", parameters.text("invoice"))])
    }

    /// Gives each proration line the invoice item that stands behind it.
    func addInvoiceItems(
        for lines: inout [InvoiceLine], customer: JSONValue, subscription: String
    ) throws {
        for index in lines.indices where lines[index].isProration {
            guard lines[index].invoiceItem == nil else { continue }
            let id = newID("ii")
            lines[index].invoiceItem = id
            var item = lines[index].pendingItem(
                id: id, customer: customer, subscription: subscription, now: now)
            item.set("test_clock", to: .text(clock))
            try save(item)
            try emit("invoiceitem.created", item)
        }
    }

    /// The invoice items behind these lines now belong to an invoice.
    func markInvoiced(_ lines: [InvoiceLine], invoice: String) throws {
        for id in lines.compactMap(\.invoiceItem) {
            var item = try get(.invoiceitem, id)
            item.set("invoice", to: .string(invoice))
            try save(item)
        }
    }
}
