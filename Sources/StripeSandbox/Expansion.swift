import JSON

/// `expand[]`: ids in an answer are replaced by the objects they name, at most four levels deep
/// (docs.stripe.com/api/expanding_objects).
extension Account {
    static let maximumExpansionDepth = 4

    func expand(_ answer: JSONValue, _ parameters: Parameters) throws -> JSONValue {
        try expand(answer, paths: parameters.strings("expand"))
    }

    func expand(_ answer: JSONValue, paths: [String]) throws -> JSONValue {
        var answer = answer
        for path in paths {
            let names = path.split(separator: ".").map(String.init)
            let levels = names.filter { $0 != "data" && $0 != "items" }.count
            guard !names.isEmpty, levels <= Self.maximumExpansionDepth else {
                throw StripeError.invalid("You cannot expand '\(path)'", param: "expand")
            }
            answer = try expanded(answer, names[...], path)
        }
        return answer
    }

    private func expanded(
        _ value: JSONValue, _ names: ArraySlice<String>, _ path: String
    ) throws -> JSONValue {
        if case .array(let elements) = value {
            return .array(try elements.map { try expanded($0, names, path) })
        }
        guard let name = names.first, value.object != nil else { return value }
        var member = try value[name] ?? includable(name, of: value)
        switch member {
        case .string(let id): member = try named(id)
        case .array(let elements):
            member = .array(try elements.map { try $0.string.flatMap { try named($0) } ?? $0 })
        default: break
        }
        guard let member else {
            throw StripeError.invalid(
                "This property cannot be expanded (\(name)). You may want to try expanding "
                    + "another one than '\(path)'.", param: "expand")
        }
        var value = value
        value.set(name, to: try expanded(member, names.dropFirst(), path))
        return value
    }

    /// With it a page confirms an open invoice's payment.
    private func confirmationSecret(of invoice: JSONValue) throws -> JSONValue {
        guard invoice["status"] == "open" else { return .null }
        return [
            "client_secret": try paymentIntent(of: invoice)["client_secret"] ?? .null,
            "type": "payment_intent",
        ]
    }

    private func named(_ id: String) throws -> JSONValue? {
        let shapes = OlderShapes(db: db, version: request.version)
        return try findAny(id).map { try shapes.shaped($0) }
    }

    /// Lists that an object has only where they are asked for.
    private func includable(_ name: String, of object: JSONValue) throws -> JSONValue? {
        guard let id = object["id"]?.string else { return nil }
        switch (object["object"]?.string, name) {
        case ("invoice", "payments"):
            return .list(
                try all(.invoicePayment, .parent, is: id), url: "/v1/invoice_payments?invoice=\(id)"
            )
        case ("invoice", "confirmation_secret"): return try confirmationSecret(of: object)
        case ("charge", "refunds"):
            return .list(
                try all(.refund, .lookup, is: id).reversed(), url: "/v1/charges/\(id)/refunds")
        case ("checkout.session", "line_items"): return try lineItems(ofSession: id)
        case ("customer", "subscriptions"):
            return .list(
                try all(.subscription, .customer, is: id)
                    .filter { $0["status"] != "canceled" }.reversed(),
                url: "/v1/customers/\(id)/subscriptions")
        default: return nil
        }
    }
}
