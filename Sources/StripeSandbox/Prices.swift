import JSON

// Prices: docs.stripe.com/api/prices. Recurring, licensed, per unit.

extension Account {
    static let priceFields = [
        "currency", "unit_amount", "product", "product_data[name]",
        "product_data[metadata]*", "recurring[interval]", "recurring[interval_count]",
        "recurring[usage_type]", "lookup_key", "transfer_lookup_key", "nickname", "active",
        "metadata*", "tax_behavior", "billing_scheme", "expand*",
    ]

    static let maximumAmount: Int64 = 99_999_999

    static let priceUpdateFields = [
        "active", "lookup_key", "transfer_lookup_key", "nickname", "metadata*", "tax_behavior",
        "expand*",
    ]

    func createPrice(_ parameters: Parameters) throws -> JSONValue {
        let currency = try currency(parameters)
        guard let amount = try parameters.int("unit_amount") else {
            throw StripeError.invalid(
                "Missing required param: unit_amount.", param: "unit_amount",
                code: "parameter_missing")
        }
        let most = currency == "idr" ? Self.maximumAmount * 10_000 : Self.maximumAmount
        guard (0...most).contains(amount) else {
            throw StripeError.invalid(
                "Invalid unit_amount: it must be from 0 to \(most)", param: "unit_amount",
                code: amount < 0 ? "parameter_invalid_integer" : "amount_too_large")
        }
        guard Currencies.allows(amount, in: currency) else {
            throw StripeError.invalid(
                "Invalid unit_amount for this currency: its last digits must be 0.",
                param: "unit_amount")
        }
        _ = try parameters.choice("billing_scheme", of: ["per_unit"], default: "per_unit")
        _ = try parameters.choice(
            "recurring", "usage_type", of: ["licensed"], default: "licensed")
        try Currencies.check(amount, currency, param: "unit_amount")
        let product = try productOfNewPrice(parameters)
        var price = try JSONValue.shaped(
            Self.priceTemplate,
            [
                "id": .string(newID("price")), "created": .int(now),
                "currency": .string(currency), "product": product["id"] ?? .null,
                "unit_amount": .int(amount), "unit_amount_decimal": .string(String(amount)),
                "metadata": try parameters.metadata(),
            ])
        if parameters.scope("recurring").entries.isEmpty {
            price.set("type", to: "one_time")
            price.set("recurring", to: .null)
        } else {
            let units = ["day", "week", "month", "year"]
            _ = try parameters.required("recurring", "interval")
            let unit = try parameters.choice("recurring", "interval", of: units, default: "month")
            let count = try parameters.int("recurring", "interval_count") ?? 1
            let most: [String: Int64] = ["day": 1_095, "week": 156, "month": 36, "year": 3]
            guard (1...(most[unit] ?? 1)).contains(count) else {
                throw StripeError.invalid(
                    "Invalid interval count.", param: "recurring[interval_count]")
            }
            price.set("recurring", "interval", to: .string(unit))
            price.set("recurring", "interval_count", to: .int(count))
        }
        try apply(parameters, toPrice: &price)
        try save(price)
        try emit("price.created", price)
        return price
    }

    func currency(_ parameters: Parameters) throws -> String {
        let currency = try parameters.required("currency").lowercased()
        guard Currencies.isKnown(currency) else {
            throw StripeError.invalid("Invalid currency: \(currency)", param: "currency")
        }
        return currency
    }

    private func productOfNewPrice(_ parameters: Parameters) throws -> JSONValue {
        if let id = parameters.text("product") {
            return try getLive(.product, id, param: "product")
        }
        let name = try parameters.required("product_data", "name")
        let metadata = parameters.scope("product_data").entries.filter {
            $0.path[0] == "metadata"
        }
        return try createProduct(
            Parameters([Parameters.Entry(path: ["name"], value: name)] + metadata))
    }

    func updatePrice(_ id: String, _ parameters: Parameters) throws -> JSONValue {
        let old = try get(.price, id)
        var price = old
        try apply(parameters, toPrice: &price)
        price.set("metadata", to: try parameters.metadata(merging: old["metadata"] ?? [:]))
        try save(price)
        try emit("price.updated", price, previous: old)
        return price
    }

    private func apply(_ parameters: Parameters, toPrice price: inout JSONValue) throws {
        if let active = try parameters.bool("active") { price.set("active", to: .bool(active)) }
        if let nickname = parameters.sent("nickname") {
            price.set("nickname", to: .text(nickname.isEmpty ? nil : nickname))
        }
        if parameters.text("tax_behavior") != nil {
            let behavior = try parameters.choice(
                "tax_behavior", of: ["inclusive", "exclusive", "unspecified"], default: "")
            let old = price["tax_behavior"]?.string ?? "unspecified"
            guard old == "unspecified" || old == behavior else {
                throw StripeError.invalid(
                    "The tax behavior of a price cannot be changed.", param: "tax_behavior")
            }
            price.set("tax_behavior", to: .string(behavior))
        }
        guard let key = parameters.sent("lookup_key") else { return }
        if !key.isEmpty { try takeLookupKey(key, for: price, parameters) }
        price.set("lookup_key", to: key.isEmpty ? .null : .string(key))
    }

    /// A lookup key names one price; `transfer_lookup_key` takes it from the price that has it.
    private func takeLookupKey(
        _ key: String, for price: JSONValue, _ parameters: Parameters
    ) throws {
        let holders = try all(.price, .lookup, is: key).filter { $0["id"] != price["id"] }
        guard var holder = holders.first else { return }
        guard try parameters.bool("transfer_lookup_key") == true else {
            throw StripeError.invalid(
                "A price (\(holder["id"]?.string ?? "")) already uses that lookup key.",
                param: "lookup_key", code: "resource_already_exists")
        }
        let old = holder
        holder.set("lookup_key", to: .null)
        try save(holder)
        try emit("price.updated", holder, previous: old)
    }

    func listPrices(_ parameters: Parameters) throws -> JSONValue {
        let active = try parameters.bool("active").map { $0 ? "active" : "inactive" }
        return try page(
            .price, parameters, url: "/v1/prices",
            where: [(.status, active), (.parent, parameters.text("product"))],
            anyOf: (.lookup, parameters.strings("lookup_keys")))
    }

    /// An active recurring price, which is what a subscription can be made of.
    func sellablePrice(_ id: String, param: String) throws -> JSONValue {
        let price = try get(.price, id, param: param)
        guard price["active"]?.bool == true else {
            throw StripeError.invalid(
                "The price specified is inactive. This field only accepts active prices.",
                param: param)
        }
        guard price["type"] == "recurring" else {
            throw StripeError.invalid(
                "The price specified is set to `type=one_time` but this field only accepts "
                    + "prices with `type=recurring`.", param: param)
        }
        return price
    }

    private static let priceTemplate = """
        {"id":null,"object":"price","active":true,"billing_scheme":"per_unit","created":0,
        "currency":"usd","custom_unit_amount":null,"livemode":false,"lookup_key":null,
        "metadata":{},"nickname":null,"product":null,"recurring":{"interval":"month",
        "interval_count":1,"meter":null,"trial_period_days":null,"usage_type":"licensed"},
        "tax_behavior":"unspecified","tiers_mode":null,"transform_quantity":null,
        "type":"recurring","unit_amount":0,"unit_amount_decimal":"0"}
        """
}

/// What the billing rules read of a price.
struct PriceTerms {
    let id: String
    let product: String
    let currency: String
    let unitAmount: Int64
    let interval: BillingInterval

    init(_ price: JSONValue) {
        id = price["id"]?.string ?? ""
        product = price["product"]?.string ?? ""
        currency = price["currency"]?.string ?? "usd"
        unitAmount = price["unit_amount"]?.int ?? 0
        let unit = price.at("recurring", "interval")?.string.flatMap(BillingInterval.Unit.init)
        interval = BillingInterval(
            unit: unit ?? .month, count: price.at("recurring", "interval_count")?.int ?? 1)
    }
}
