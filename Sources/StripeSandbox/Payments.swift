import JSON

// Payments that belong to no invoice, and those whose bank took its time:
// docs.stripe.com/api/payment_intents.

extension Account {
    /// How long a payment is processed if no test settles it before.
    static let processingTime: Int64 = 4 * CalendarDates.secondsPerDay

    static let paymentIntentFields = [
        "amount", "currency", "customer", "payment_method", "confirm", "off_session",
        "description", "metadata*", "payment_method_types[]", "allowed_payment_method_types[]",
        "expand*",
    ]

    /// The types of payment methods that are allowed, which is cards alone. Since endive the
    /// parameter has another name.
    func allowedTypes(_ parameters: Parameters) throws -> [String]? {
        let isNew = request.version >= .endive
        let name = isNew ? "allowed_payment_method_types" : "payment_method_types"
        let other = isNew ? "payment_method_types" : "allowed_payment_method_types"
        guard parameters.strings(other).isEmpty else {
            throw StripeError.invalid(
                "Received unknown parameter: \(other)", param: other, code: "parameter_unknown")
        }
        let types = parameters.strings(name)
        guard types.allSatisfy({ $0 == "card" }) else {
            throw StripeError.invalid("This sandbox knows only card.", param: name)
        }
        return types.isEmpty ? nil : types
    }

    /// `POST /v1/payment_intents`: what else the account charges, which no subscription knows of.
    func createPaymentIntent(_ parameters: Parameters) throws -> JSONValue {
        guard let amount = try parameters.int("amount"), amount > 0 else {
            throw StripeError.invalid(
                "Missing required param: amount.", param: "amount", code: "parameter_missing")
        }
        let currency = try currency(parameters)
        guard Currencies.allows(amount, in: currency) else {
            throw StripeError.invalid("Invalid amount for this currency.", param: "amount")
        }
        guard amount >= Currencies.minimumCharge(currency) else {
            throw StripeError.invalid(
                "Amount must be at least the minimum charge amount.", param: "amount",
                code: "amount_too_small")
        }
        let types = try allowedTypes(parameters)
        let id = newID("pi")
        var intent = try newPaymentIntent(id: id, amount: .int(amount), currency: .string(currency))
        if let customer = parameters.text("customer") {
            _ = try getLive(.customer, customer, param: "customer")
            intent.set("customer", to: .string(customer))
        }
        intent.set("description", to: .text(parameters.text("description")))
        intent.set("metadata", to: try parameters.metadata())
        intent.set("setup_future_usage", to: .null)
        if let types {
            intent.set(
                "allowed_payment_method_types", to: .array(types.map { .string($0) }))
        }
        intent.set("status", to: "requires_payment_method")
        let method = try chosenMethod(parameters, of: intent)
        if let method {
            intent.set("payment_method", to: method["id"] ?? .null)
            intent.set("status", to: "requires_confirmation")
        }
        try save(intent)
        try emit("payment_intent.created", intent)
        let isOffSession = try parameters.bool("off_session") ?? false
        guard try parameters.bool("confirm") == true else { return intent }
        return try keepingTries {
            try confirm(intent, method: method, isOffSession: isOffSession)
        }
    }

    private func chosenMethod(
        _ parameters: Parameters, of intent: JSONValue
    ) throws -> JSONValue? {
        guard let id = parameters.text("payment_method") else { return nil }
        if let card = TestCard.all.first(where: { $0.name == id }) {
            return try make(card, customer: intent["customer"]?.string)
        }
        let method = try get(.paymentMethod, id, param: "payment_method")
        guard method["customer"] == intent["customer"] else {
            throw StripeError.invalid(
                "The payment method does not belong to the customer.", param: "payment_method")
        }
        return method
    }

    func confirmPaymentIntent(_ id: String, _ parameters: Parameters) throws -> JSONValue {
        let intent = try get(.paymentIntent, id)
        let isOffSession = try parameters.bool("off_session") ?? false
        var method = try chosenMethod(parameters, of: intent)
        // The payment of an invoice pays the invoice.
        if let invoice = try all(.invoicePayment, .lookup, is: id).first?["invoice"]?.string {
            return try keepingTries {
                _ = try pay(invoice, method: method?["id"]?.string)
                return try get(.paymentIntent, id)
            }
        }
        if method == nil, let known = intent["payment_method"]?.string {
            method = try find(.paymentMethod, known)
        }
        return try keepingTries {
            try confirm(intent, method: method, isOffSession: isOffSession)
        }
    }

    private func confirm(
        _ intent: JSONValue, method: JSONValue?, isOffSession: Bool
    ) throws -> JSONValue {
        let open: [String?] = [
            "requires_payment_method", "requires_confirmation", "requires_action",
        ]
        guard open.contains(intent["status"]?.string), let id = intent["id"]?.string else {
            throw StripeError.invalid(
                "This PaymentIntent cannot be confirmed because it has a status of "
                    + "\(intent["status"]?.string ?? "").", code: "payment_intent_unexpected_state")
        }
        guard let method else {
            throw StripeError.invalid(
                "You cannot confirm this PaymentIntent because it's missing a payment method.",
                code: "payment_intent_unexpected_state")
        }
        let outcome = try charge(intent: intent, method: method, authenticated: false)
        let charged = try get(.paymentIntent, id)
        switch outcome {
        case .declined(let failure): throw StripeError.card(failure, paymentIntent: charged)
        case .actionRequired where isOffSession:
            throw StripeError.card(.authenticationRequired, paymentIntent: charged)
        default: return charged
        }
    }

    /// The bank has decided: `POST /_test/payments` says so, or the time is over.
    func settlePayment(_ id: String, succeeds: Bool) throws {
        guard let intent = try find(.paymentIntent, id), intent["status"] == "processing" else {
            return
        }
        try unschedule(.settlePayment, id)
        if succeeds { try succeed(intent) } else { try fail(intent, .declined) }
        try settleSession(isPaid: succeeds) { $0["payment_intent"]?.string == id }
        let payment = try all(.invoicePayment, .lookup, is: id).first
        guard let invoiceID = payment?["invoice"]?.string,
            var invoice = try find(.invoice, invoiceID), invoice["status"] == "open"
        else { return }
        if succeeds {
            try markPaid(&invoice, isCharged: true)
            try reflect(.paid, of: invoice)
        } else {
            try failLate(&invoice)
        }
        try settleSession(isPaid: succeeds) { $0["invoice"]?.string == invoiceID }
    }

    private func failLate(_ invoice: inout JSONValue) throws {
        let isCycle = invoice["billing_reason"] == "subscription_cycle"
        try planRetry(of: &invoice, id: invoice["id"]?.string ?? "", allowed: isCycle)
        try save(invoice)
        try emit("invoice.payment_failed", invoice)
        try reflect(.declined(.declined), of: invoice)
    }

    /// A session that was completed while its payment was processed.
    private func settleSession(
        isPaid: Bool, where belongs: (JSONValue) -> Bool
    ) throws {
        let sessions = try all(.checkoutSession, .status, is: "complete")
        guard
            var session = sessions.first(where: {
                $0["payment_status"] == "unpaid" && belongs($0)
            })
        else { return }
        if isPaid {
            session.set("payment_status", to: "paid")
            try save(session)
        }
        try emit(
            isPaid
                ? "checkout.session.async_payment_succeeded"
                : "checkout.session.async_payment_failed", session)
    }
}

/// What the account accepts of currencies (docs.stripe.com/currencies).
package enum Currencies {
    static let zeroDecimal: Set = [
        "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf",
        "xof", "xpf",
    ]
    static let threeDecimal: Set = ["bhd", "jod", "kwd", "omr", "tnd"]
    private static let minimumCharges: [String: Int64] = [
        "usd": 50, "eur": 50, "gbp": 30, "jpy": 50, "cad": 50, "aud": 50, "chf": 50, "brl": 50,
        "inr": 50, "nzd": 50, "sgd": 50, "dkk": 250, "nok": 300, "sek": 300, "mxn": 1_000,
        "hkd": 400, "czk": 1_500, "huf": 17_500, "pln": 200, "ron": 200, "bgn": 100, "aed": 200,
        "thb": 1_000, "myr": 200,
    ]

    /// What is charged of a sum, which stays on the customer's balance if it is too little.
    static func due(of sum: Int64, _ currency: String) -> Int64 {
        sum < minimumCharge(currency) ? 0 : sum
    }

    /// Below it nothing is charged; 0 where no minimum is known.
    static func minimumCharge(_ currency: String) -> Int64 { minimumCharges[currency] ?? 0 }

    /// Some currencies are written with digits that must be 0.
    static func allows(_ amount: Int64, in currency: String) -> Bool {
        if threeDecimal.contains(currency) { return amount % 10 == 0 }
        return !["isk", "ugx"].contains(currency) || amount % 100 == 0
    }

    /// How many digits stand behind the point.
    static func digits(_ currency: String) -> Int {
        if zeroDecimal.contains(currency) { return 0 }
        return threeDecimal.contains(currency) ? 3 : 2
    }
}
