import JSON

// Checkout Sessions that sell once, without a subscription: mode=payment
// (docs.stripe.com/api/checkout/sessions, docs.stripe.com/payments/checkout/fulfill-orders).

extension Account {
    /// Whether the session sells once; refuses what belongs to the other mode.
    func isPaymentMode(_ parameters: Parameters) throws -> Bool {
        let mode = try parameters.required("mode")
        guard mode == "payment" || mode == "subscription" else {
            throw StripeError.invalid(
                "This sandbox knows only mode=subscription and mode=payment.", param: "mode")
        }
        let isPayment = mode == "payment"
        let foreign =
            isPayment
            ? ["subscription_data", "payment_method_collection"]
            : ["payment_intent_data", "customer_creation", "saved_payment_method_options"]
        for name in foreign
        where parameters.text(name) != nil || !parameters.scope(name).entries.isEmpty {
            throw StripeError.invalid(
                "You can not pass `\(name)` in `\(mode)` mode.", param: name)
        }
        return isPayment
    }

    func oneTimePrice(_ id: String, param: String) throws -> JSONValue {
        let price = try get(.price, id, param: param)
        guard price["active"]?.bool == true else {
            throw StripeError.invalid(
                "The price specified is inactive. This field only accepts active prices.",
                param: param)
        }
        guard price["type"] == "one_time" else {
            throw StripeError.invalid(
                "You specified `payment` mode but passed a recurring price. Either switch to "
                    + "`subscription` mode or use only one-time prices.", param: param)
        }
        return price
    }

    func checkCurrencies(of prices: [JSONValue]) throws {
        guard Set(prices.map { $0["currency"]?.string }).count <= 1 else {
            throw StripeError.invalid(
                "All prices on a checkout must have the same currency.",
                param: "line_items[0][price]")
        }
    }

    /// What is not free is at least what one charge must be.
    func checkPayment(of amount: Int64, _ currency: String) throws {
        guard amount == 0 || amount >= Currencies.minimumCharge(currency) else {
            throw StripeError.invalid(
                "The Checkout Session's total amount due must add up to at least "
                    + "\(Money.spoken(Currencies.minimumCharge(currency), currency)).",
                code: "amount_too_small")
        }
    }

    func customerCreation(_ parameters: Parameters) throws -> JSONValue {
        let creation = try parameters.choice(
            "customer_creation", of: ["always", "if_required"], default: "if_required")
        guard parameters.text("customer") == nil else {
            guard parameters.text("customer_creation") == nil else {
                throw StripeError.invalid(
                    "`customer_creation` can not be used together with `customer`.",
                    param: "customer_creation")
            }
            return .null
        }
        return .string(creation)
    }

    /// What the payment is made with, which is not copied from the session.
    func intentData(_ parameters: Parameters) throws -> JSONValue {
        let details = parameters.scope("payment_intent_data")
        let usage = try details.choice(
            "setup_future_usage", of: ["off_session", "on_session"], default: "")
        let saving = try parameters.scope("saved_payment_method_options").choice(
            "payment_method_save", of: ["enabled", "disabled"], default: "disabled")
        return [
            "may_keep_card": .bool(saving == "enabled"),
            "description": .text(details.text("description")),
            "metadata": try details.metadata(),
            "setup_future_usage": usage.isEmpty ? .null : .string(usage),
        ]
    }

    /// Pays a session that sells once. The bank may take days to decide: the session is complete
    /// and unpaid until then.
    ///
    /// - Throws: ``StripeError`` with 402 if the card is declined; nothing is left behind then.
    func pay(
        _ session: inout JSONValue, _ order: JSONValue, _ card: TestCard, authenticated: Bool,
        isProcessed: Bool, keepsCard: Bool
    ) throws {
        if session["customer"]?.string != nil || session["customer_creation"] == "always" {
            session.set("customer", to: .string(try customerOfSession(session)))
        }
        guard let amount = session["amount_total"]?.int, amount > 0 else {
            session.set("payment_status", to: "no_payment_required")
            return
        }
        let customer = session["customer"]?.string
        let id = newID("pi")
        let data = order["intent"] ?? .null
        var intent = try newPaymentIntent(
            id: id, amount: .int(amount), currency: session["currency"] ?? "usd")
        intent.set("customer", to: .text(customer))
        for name in ["description", "metadata", "setup_future_usage"] {
            intent.set(name, to: data[name] ?? .null)
        }
        try save(intent)
        try emit("payment_intent.created", intent)
        // Only a card that is to be used again is attached to its customer.
        let keeps =
            data["setup_future_usage"]?.isNull == false
            || keepsCard && data["may_keep_card"] == true
        let method: JSONValue
        if let customer, keeps {
            method = try attach(card, to: customer)
        } else {
            method = try make(card, customer: nil)
        }
        if isProcessed { try setNextCharge("processing", of: customer ?? "") }
        let outcome = try charge(intent: intent, method: method, authenticated: authenticated)
        switch outcome {
        case .paid, .processing: break
        case .declined(let failure):
            throw StripeError.card(failure, paymentIntent: try get(.paymentIntent, id))
        case .actionRequired:
            throw StripeError.card(
                .authenticationRequired, paymentIntent: try get(.paymentIntent, id))
        }
        session.set("payment_intent", to: .string(id))
        session.set("payment_status", to: outcome == .paid ? "paid" : "unpaid")
    }
}
