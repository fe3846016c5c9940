import GRDB
import JSON

// Customers: docs.stripe.com/api/customers.

extension Account {
    private static let addressFields = [
        "city", "country", "line1", "line2", "postal_code", "state",
    ]
    static let customerFields =
        [
            "email", "name", "description", "phone", "metadata*",
            "invoice_settings[default_payment_method]", "balance", "tax_exempt", "address",
            "shipping", "shipping[name]", "shipping[phone]", "preferred_locales",
            "preferred_locales[]", "expand*",
        ] + addressFields.flatMap { ["address[\($0)]", "shipping[address][\($0)]"] }
    static let newCustomerFields = customerFields + ["payment_method", "test_clock"]
    static let maximumTextLength = 350

    func createCustomer(_ parameters: Parameters) throws -> JSONValue {
        let id = newID("cus")
        var customer = try JSONValue.shaped(
            Self.customerTemplate,
            [
                "id": .string(id), "created": .int(now),
                "invoice_prefix": .string(String(id.dropFirst(4).prefix(8)).uppercased()),
                "metadata": try parameters.metadata(), "test_clock": .text(clock),
            ])
        try save(customer)
        try apply(parameters, to: &customer)
        try save(customer)
        try emit("customer.created", customer)
        return customer
    }

    func updateCustomer(_ id: String, _ parameters: Parameters) throws -> JSONValue {
        let old = try getLive(.customer, id)
        var customer = old
        try apply(parameters, to: &customer)
        let metadata = try parameters.metadata(merging: old["metadata"] ?? [:])
        customer.set("metadata", to: metadata)
        try save(customer)
        if customer != old { try emit("customer.updated", customer, previous: old) }
        return customer
    }

    private func apply(_ parameters: Parameters, to customer: inout JSONValue) throws {
        for field in ["email", "name", "description", "phone"] {
            guard let value = parameters.sent(field) else { continue }
            try check(value, field)
            customer.set(field, to: value.isEmpty ? .null : .string(value))
        }
        if let balance = try parameters.int("balance") {
            customer.set("balance", to: .int(balance))
        }
        if parameters.sent("tax_exempt") != nil {
            let exempt = try parameters.choice(
                "tax_exempt", of: ["none", "exempt", "reverse"], default: "none")
            customer.set("tax_exempt", to: .string(exempt))
        }
        try applyAddresses(parameters, to: &customer)
        guard let id = customer["id"]?.string else { return }
        if let method = parameters.text("payment_method") {
            let attached = try attachPaymentMethod(method, to: id)
            customer.set(
                "invoice_settings", "default_payment_method", to: attached["id"] ?? .null)
        }
        let defaultMethod = parameters.sent("invoice_settings", "default_payment_method")
        if let defaultMethod {
            if !defaultMethod.isEmpty { try requireAttached(defaultMethod, to: id) }
            customer.set(
                "invoice_settings", "default_payment_method",
                to: defaultMethod.isEmpty ? .null : .string(defaultMethod))
        }
    }

    private func check(_ value: String, _ field: String) throws {
        let isEmail = field != "email" || value.isEmpty || value.contains("@")
        guard isEmail, !value.contains(where: \.isNewline) else {
            throw StripeError.invalid(
                "Invalid email address: \(value)", param: field, code: "email_invalid")
        }
        guard value.count <= Self.maximumTextLength else {
            throw StripeError.invalid(
                "Invalid string: must be at most \(Self.maximumTextLength) characters",
                param: field)
        }
    }

    private func applyAddresses(
        _ parameters: Parameters, to customer: inout JSONValue
    ) throws {
        if let address = address(parameters) { customer.set("address", to: address) }
        let locales = parameters.strings("preferred_locales")
        if !locales.isEmpty || parameters.sent("preferred_locales") != nil {
            customer.set("preferred_locales", to: .array(locales.map { .string($0) }))
        }
        if parameters.sent("shipping") == "" { customer.set("shipping", to: .null) }
        let shipping = parameters.scope("shipping")
        guard !shipping.entries.isEmpty else { return }
        customer.set(
            "shipping",
            to: [
                "address": address(shipping) ?? [:], "carrier": .null,
                "name": .string(try parameters.required("shipping", "name")),
                "phone": .text(shipping.text("phone")), "tracking_number": .null,
            ])
    }

    private func address(_ parameters: Parameters) -> JSONValue? {
        if parameters.sent("address") == "" { return .null }
        let sent = parameters.scope("address")
        guard !sent.entries.isEmpty else { return nil }
        let members = Self.addressFields.map { name in
            (key: name, value: JSONValue.text(sent.text(name)))
        }
        return .object(JSONObject(members))
    }

    func listCustomers(_ parameters: Parameters) throws -> JSONValue {
        try page(
            .customer, parameters, url: "/v1/customers",
            matching: [
                ("json_extract(body, '$.email') = ?", parameters.text("email")),
                ("json_extract(body, '$.test_clock') = ?", parameters.text("test_clock")),
                (
                    "CAST((json_extract(body, '$.test_clock') IS NULL) AS TEXT) = ?",
                    parameters.text("test_clock") == nil ? "1" : nil
                ),
            ])
    }

    /// Deleting a customer cancels its subscriptions at once
    /// (docs.stripe.com/api/customers/delete).
    func deleteCustomer(_ id: String) throws -> JSONValue {
        let customer = try getLive(.customer, id)
        for subscription in try all(.subscription, .customer, is: id)
        where !Self.isEnded(subscription) {
            try end(subscription, reason: "cancellation_requested")
        }
        for method in try all(.paymentMethod, .customer, is: id) {
            var detached = method
            detached.set("customer", to: .null)
            try save(detached)
        }
        let stub = try replaceWithStub(.customer, id)
        try emit("customer.deleted", customer)
        return stub
    }

    private static let customerTemplate = """
        {"id":null,"object":"customer","address":null,"balance":0,"created":0,"currency":null,
        "default_source":null,"delinquent":false,"description":null,"discount":null,"email":null,
        "invoice_prefix":null,"invoice_settings":{"custom_fields":null,
        "default_payment_method":null,"footer":null,"rendering_options":null},"livemode":false,
        "metadata":{},"name":null,"next_invoice_sequence":1,"phone":null,"preferred_locales":[],
        "shipping":null,"tax_exempt":"none","test_clock":null}
        """
}
