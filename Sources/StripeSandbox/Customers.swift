import GRDB
import JSON

// Customers: docs.stripe.com/api/customers.

extension Account {
    static let customerFields = [
        "email", "name", "description", "phone", "metadata*", "payment_method",
        "invoice_settings[default_payment_method]", "balance", "tax_exempt", "address*",
        "shipping*", "preferred_locales*", "test_clock", "expand*",
    ]

    func createCustomer(_ parameters: Parameters) throws -> JSONValue {
        let id = newID("cus")
        var customer = try JSONValue.shaped(
            Self.customerTemplate,
            [
                "id": .string(id), "created": .int(now),
                "invoice_prefix": .string(String(id.dropFirst(4).prefix(8)).uppercased()),
                "metadata": try parameters.metadata(),
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
        for field in ["email", "name", "description", "phone", "test_clock"] {
            guard let value = parameters.sent(field) else { continue }
            customer.set(field, to: value.isEmpty ? .null : .string(value))
        }
        if let balance = try parameters.int("balance") {
            customer.set("balance", to: .int(balance))
        }
        if let exempt = parameters.text("tax_exempt") {
            customer.set("tax_exempt", to: .string(exempt))
        }
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

    func listCustomers(_ parameters: Parameters) throws -> JSONValue {
        try page(
            .customer, parameters, url: "/v1/customers",
            matching: [("json_extract(body, '$.email') = ?", parameters.text("email"))])
    }

    /// Deleting a customer cancels its subscriptions at once
    /// (docs.stripe.com/api/customers/delete).
    func deleteCustomer(_ id: String) throws -> JSONValue {
        let customer = try getLive(.customer, id)
        for subscription in try all(.subscription, .customer, is: id)
        where !Self.isEnded(subscription) {
            try end(subscription, reason: "cancellation_requested")
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
