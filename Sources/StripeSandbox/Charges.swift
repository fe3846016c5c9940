import GRDB
import JSON

// Payment intents and charges: docs.stripe.com/api/payment_intents, docs.stripe.com/api/charges.

/// How an attempt to collect an invoice ended.
enum PaymentOutcome: Equatable {
    case paid
    case declined(CardFailure)
    case actionRequired
    /// A bank takes days to say whether it pays.
    case processing

    var isFailure: Bool { self != .paid && self != .processing }
}

extension Account {
    /// What a charge of this customer's card would do now. A one-off outcome is used up by asking.
    private func verdict(
        customer: String, method: JSONValue?, authenticated: Bool
    ) throws -> PaymentOutcome {
        let row = try Row.fetchOne(
            db, sql: "SELECT next_charge, card FROM customer_knobs WHERE customer = ?",
            arguments: [customer])
        if let next: String = row?["next_charge"] {
            try clearNextCharge(of: customer)
            spentNextCharges.append(customer)
            switch next {
            case "decline": return .declined(.declined)
            case "authenticate": return authenticated ? .paid : .actionRequired
            case "processing": return .processing
            default: return .paid
            }
        }
        if let card: String = row?["card"] {
            switch card {
            case "decline": return .declined(.declined)
            case "authenticate": return authenticated ? .paid : .actionRequired
            case "processing": return .processing
            default: break
            }
        }
        guard let method else { return .declined(.noPaymentMethod) }
        let last4 = method.at("card", "last4")?.string
        switch TestCard.all.first(where: { $0.last4 == last4 })?.charge {
        case .declines: return .declined(.declined)
        case .asksForAuthentication: return authenticated ? .paid : .actionRequired
        case .succeeds, nil: return .paid
        }
    }

    func clearNextCharge(of customer: String) throws {
        try db.execute(
            sql: "UPDATE customer_knobs SET next_charge = NULL WHERE customer = ?",
            arguments: [customer])
    }

    /// Charges what an invoice asks for, through its one payment intent.
    func charge(
        _ invoice: JSONValue, method: JSONValue?, authenticated: Bool
    ) throws -> PaymentOutcome {
        try charge(
            intent: try paymentIntent(of: invoice), method: method, authenticated: authenticated)
    }

    func charge(
        intent: JSONValue, method: JSONValue?, authenticated: Bool
    ) throws -> PaymentOutcome {
        let outcome = try verdict(
            customer: intent["customer"]?.string ?? "", method: method,
            authenticated: authenticated || authenticates)
        var intent = intent
        intent.set("payment_method", to: method?["id"] ?? .null)
        switch outcome {
        case .actionRequired:
            intent.set("status", to: "requires_action")
            intent.set("next_action", to: ["type": "use_stripe_sdk", "use_stripe_sdk": [:]])
            try save(intent)
            try emit("payment_intent.requires_action", intent)
        case .declined(let failure): try fail(intent, failure)
        case .processing: try process(intent)
        case .paid: try succeed(intent)
        }
        return outcome
    }

    func fail(_ intent: JSONValue, _ failure: CardFailure) throws {
        var intent = intent
        let charge = try addCharge(to: intent, status: "failed", failure: failure)
        intent.set("status", to: "requires_payment_method")
        intent.set("next_action", to: .null)
        intent.set("last_payment_error", to: Self.errorObject(failure, charge: charge))
        intent.set("latest_charge", to: charge["id"] ?? .null)
        try save(intent)
        try emit("charge.failed", charge)
        try emit("payment_intent.payment_failed", intent)
    }

    func succeed(_ intent: JSONValue) throws {
        var intent = intent
        let charge = try addCharge(to: intent, status: "succeeded")
        intent.set("status", to: "succeeded")
        intent.set("next_action", to: .null)
        intent.set("last_payment_error", to: .null)
        intent.set("amount_received", to: intent["amount"] ?? 0)
        intent.set("latest_charge", to: charge["id"] ?? .null)
        try save(intent)
        try emit("charge.succeeded", charge)
        try emit("payment_intent.succeeded", intent)
        try disputeIfCardAsks(charge)
    }

    private func process(_ intent: JSONValue) throws {
        var intent = intent
        let charge = try addCharge(to: intent, status: "pending")
        intent.set("status", to: "processing")
        intent.set("next_action", to: .null)
        intent.set("last_payment_error", to: .null)
        intent.set("latest_charge", to: charge["id"] ?? .null)
        try save(intent)
        try emit("charge.pending", charge)
        try emit("payment_intent.processing", intent)
        try schedule(.settlePayment, intent["id"]?.string ?? "", at: now + Self.processingTime)
    }

    /// The payment intent of an open invoice, made with its `invoice_payment` at the first attempt.
    /// Since basil this object alone links the two (docs.stripe.com/changelog/basil/2025-03-31,
    /// "Adds support for multiple partial payments on invoices").
    func paymentIntent(of invoice: JSONValue) throws -> JSONValue {
        let invoiceID = invoice["id"]?.string ?? ""
        let payments = try all(.invoicePayment, .parent, is: invoiceID)
        if let id = payments.first?.at("payment", "payment_intent")?.string {
            return try get(.paymentIntent, id)
        }
        let id = newID("pi")
        var intent = try newPaymentIntent(
            id: id, amount: invoice["amount_remaining"] ?? 0,
            currency: invoice["currency"] ?? "usd")
        intent.set("customer", to: invoice["customer"] ?? .null)
        intent.set(
            "description",
            to: invoice["billing_reason"] == "subscription_create"
                ? "Subscription creation" : "Subscription update")
        try save(intent)
        let payment = try JSONValue.shaped(
            Self.invoicePaymentTemplate,
            [
                "id": .string(newID("inpay")), "created": .int(now),
                "amount_requested": invoice["amount_remaining"] ?? 0,
                "currency": invoice["currency"] ?? "usd", "invoice": .string(invoiceID),
                "payment": ["type": "payment_intent", "payment_intent": .string(id)],
            ])
        try save(payment)
        try emit("payment_intent.created", intent)
        return intent
    }

    func newPaymentIntent(
        id: String, amount: JSONValue, currency: JSONValue
    ) throws -> JSONValue {
        try JSONValue.shaped(
            Self.paymentIntentTemplate,
            [
                "id": .string(id), "created": .int(now), "amount": amount, "currency": currency,
                "client_secret": .string(Identifiers.make(id + "_secret")),
            ])
    }

    /// Marks the invoice's payment as paid, or as given up where the money came another way.
    func settleInvoicePayment(of invoice: String, isCharged: Bool) throws {
        for var payment in try all(.invoicePayment, .parent, is: invoice)
        where payment["status"] == "open" {
            guard isCharged else {
                payment.set("status", to: "canceled")
                payment.set("status_transitions", "canceled_at", to: .int(now))
                try save(payment)
                continue
            }
            payment.set("status", to: "paid")
            payment.set("amount_paid", to: payment["amount_requested"] ?? 0)
            payment.set("status_transitions", "paid_at", to: .int(now))
            try save(payment)
            try emit("invoice_payment.paid", payment)
        }
    }

    /// The charge of an attempt. One that was pending is the same charge when it is settled.
    private func addCharge(
        to intent: JSONValue, status: String, failure: CardFailure? = nil
    ) throws -> JSONValue {
        let amount = intent["amount"] ?? 0
        let isPaid = status == "succeeded"
        let pending = try all(.charge, .parent, is: intent["id"]?.string ?? "")
            .last { $0["status"] == "pending" }
        let charge = try JSONValue.shaped(
            Self.chargeTemplate,
            [
                "id": pending?["id"] ?? .string(newID("ch")),
                "created": pending?["created"] ?? .int(now), "amount": amount,
                "amount_captured": isPaid ? amount : 0, "captured": .bool(failure == nil),
                "currency": intent["currency"] ?? "usd", "customer": intent["customer"] ?? .null,
                "failure_code": .text(failure?.code), "failure_message": .text(failure?.message),
                "paid": .bool(isPaid), "payment_intent": intent["id"] ?? .null,
                "payment_method": intent["payment_method"] ?? .null,
                "status": .string(status),
            ])
        try save(charge)
        return charge
    }

    private static func errorObject(_ failure: CardFailure, charge: JSONValue) -> JSONValue {
        [
            "type": "card_error", "code": .string(failure.code),
            "decline_code": .text(failure.declineCode), "message": .string(failure.message),
            "charge": charge["id"] ?? .null,
        ]
    }

    func listInvoicePayments(_ parameters: Parameters) throws -> JSONValue {
        let intent = parameters.text("payment", "payment_intent")
        if let type = parameters.text("payment", "type"), type != "payment_intent" {
            return .list([], url: "/v1/invoice_payments")
        }
        return try page(
            .invoicePayment, parameters, url: "/v1/invoice_payments",
            where: [
                (.lookup, intent), (.parent, parameters.text("invoice")),
                (.status, parameters.text("status")),
            ])
    }

    private static let paymentIntentTemplate = """
        {"id":null,"object":"payment_intent","amount":0,"amount_capturable":0,
        "amount_details":{"tip":{}},"amount_received":0,"application":null,
        "application_fee_amount":null,"automatic_payment_methods":null,"canceled_at":null,
        "cancellation_reason":null,"capture_method":"automatic","client_secret":null,
        "confirmation_method":"automatic","created":0,"currency":"usd","customer":null,
        "description":null,"last_payment_error":null,"latest_charge":null,"livemode":false,
        "metadata":{},"next_action":null,"on_behalf_of":null,"payment_method":null,
        "payment_method_options":{},"payment_method_types":["card"],"processing":null,
        "receipt_email":null,"review":null,"setup_future_usage":"off_session","shipping":null,
        "statement_descriptor":null,"statement_descriptor_suffix":null,
        "status":"requires_confirmation","transfer_data":null,"transfer_group":null}
        """

    private static let invoicePaymentTemplate = """
        {"id":null,"object":"invoice_payment","amount_paid":null,"amount_requested":0,"created":0,
        "currency":"usd","invoice":null,"is_default":true,"livemode":false,"payment":null,
        "status":"open","status_transitions":{"canceled_at":null,"paid_at":null}}
        """

    private static let chargeTemplate = """
        {"id":null,"object":"charge","amount":0,"amount_captured":0,"amount_refunded":0,
        "application":null,"balance_transaction":null,"billing_details":{"address":null,
        "email":null,"name":null,"phone":null,"tax_id":null},"calculated_statement_descriptor":
        null,"captured":false,"created":0,"currency":"usd","customer":null,"description":null,
        "disputed":false,"failure_balance_transaction":null,"failure_code":null,
        "failure_message":null,"fraud_details":{},"livemode":false,"metadata":{},"outcome":null,
        "paid":false,"payment_intent":null,"payment_method":null,"payment_method_details":
        {"type":"card"},"receipt_email":null,"receipt_url":null,"refunded":false,"review":null,
        "shipping":null,"statement_descriptor":null,"status":"pending","transfer_data":null}
        """
}
