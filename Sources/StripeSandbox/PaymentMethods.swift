import GRDB
import JSON

// Payment methods: docs.stripe.com/api/payment_methods; the test cards are those of
// docs.stripe.com/testing.

/// What becomes of a charge that failed, in Stripe's words.
struct CardFailure: Equatable, Sendable {
    var code: String
    var declineCode: String?
    var message: String

    static let declined = CardFailure(
        code: "card_declined", declineCode: "generic_decline", message: "Your card was declined.")
    static let insufficientFunds = CardFailure(
        code: "card_declined", declineCode: "insufficient_funds",
        message: "Your card has insufficient funds.")
    static let authenticationRequired = CardFailure(
        code: "authentication_required", declineCode: "authentication_required",
        message: "Your card was declined. This transaction requires authentication.")
    static let noPaymentMethod = CardFailure(
        code: "resource_missing", declineCode: nil,
        message: "This customer has no attached payment source or default payment method.")
}

/// A test card: what it does when it is attached and when it is charged.
struct TestCard {
    enum Charge { case succeeds, declines, asksForAuthentication }
    /// What becomes of a refund of the card's charges.
    enum Refund { case succeeds, pends, fails }

    let name: String
    let brand: String
    let last4: String
    var attachFailure: CardFailure?
    var charge: Charge = .succeeds
    var refund: Refund = .succeeds
    /// The status of the dispute that follows a charge.
    var dispute: String?

    static let visa = TestCard(name: "pm_card_visa", brand: "visa", last4: "4242")

    static let all = [
        visa,
        TestCard(name: "pm_card_mastercard", brand: "mastercard", last4: "4444"),
        TestCard(
            name: "pm_card_chargeCustomerFail", brand: "visa", last4: "0341", charge: .declines),
        TestCard(
            name: "pm_card_chargeDeclined", brand: "visa", last4: "0002",
            attachFailure: .declined, charge: .declines),
        TestCard(
            name: "pm_card_chargeDeclinedInsufficientFunds", brand: "visa", last4: "9995",
            attachFailure: .insufficientFunds, charge: .declines),
        TestCard(
            name: "pm_card_threeDSecure2Required", brand: "visa", last4: "3220",
            charge: .asksForAuthentication),
        TestCard(
            name: "pm_card_authenticationRequired", brand: "visa", last4: "3184",
            charge: .asksForAuthentication),
        TestCard(name: "pm_card_pendingRefund", brand: "visa", last4: "7726", refund: .pends),
        TestCard(name: "pm_card_refundFail", brand: "visa", last4: "5126", refund: .fails),
        TestCard(
            name: "pm_card_createDispute", brand: "visa", last4: "0259",
            dispute: "needs_response"),
        TestCard(
            name: "pm_card_createDisputeInquiry", brand: "visa", last4: "1976",
            dispute: "warning_needs_response"),
    ]
}

extension Account {
    /// Attaches a test card, or a payment method that exists already, to a customer.
    func attachPaymentMethod(_ id: String, to customer: String) throws -> JSONValue {
        _ = try getLive(.customer, customer, param: "customer")
        if let card = TestCard.all.first(where: { $0.name == id }) {
            if let failure = card.attachFailure {
                throw StripeError.card(failure, paymentIntent: nil)
            }
            return try attach(card, to: customer)
        }
        var method = try get(.paymentMethod, id)
        let owner = method["customer"]?.string
        guard owner == nil || owner == customer else {
            throw StripeError.invalid(
                "The payment method you provided has already been attached to a customer.")
        }
        guard owner == nil else { return method }
        guard try !wasUsed(id) else {
            throw StripeError.invalid(
                "This PaymentMethod was previously used without being attached to a Customer or "
                    + "was detached from a Customer, and may not be used again.")
        }
        method.set("customer", to: .string(customer))
        try save(method)
        try emit("payment_method.attached", method)
        return method
    }

    func attach(_ card: TestCard, to customer: String) throws -> JSONValue {
        let method = try make(card, customer: customer)
        try emit("payment_method.attached", method)
        return method
    }

    func make(_ card: TestCard, customer: String?) throws -> JSONValue {
        var method = try JSONValue.shaped(
            Self.paymentMethodTemplate,
            ["id": .string(newID("pm")), "created": .int(now), "customer": .text(customer)])
        method.set("card", "brand", to: .string(card.brand))
        method.set("card", "display_brand", to: .string(card.brand))
        method.set("card", "last4", to: .string(card.last4))
        try save(method)
        return method
    }

    /// A detached card is gone: nothing that named it names it any more, and it cannot be attached
    /// again (docs.stripe.com/api/payment_methods/detach).
    func detachPaymentMethod(_ id: String) throws -> JSONValue {
        let old = try get(.paymentMethod, id)
        guard let owner = old["customer"]?.string else {
            throw StripeError.invalid(
                "The payment method you provided is not attached to a customer so detachment is "
                    + "impossible.")
        }
        var method = old
        method.set("customer", to: .null)
        try save(method)
        try forgetMethod(id, of: owner)
        try emit("payment_method.detached", method, previous: old)
        return method
    }

    private func forgetMethod(_ id: String, of owner: String) throws {
        let customer = try get(.customer, owner)
        if customer.at("invoice_settings", "default_payment_method")?.string == id {
            var changed = customer
            changed.set("invoice_settings", "default_payment_method", to: .null)
            try save(changed)
            try emit("customer.updated", changed, previous: customer)
        }
        for subscription in try all(.subscription, .customer, is: owner)
        where subscription["default_payment_method"]?.string == id {
            var changed = subscription
            changed.set("default_payment_method", to: .null)
            try save(changed)
            try emit("customer.subscription.updated", changed, previous: subscription)
        }
    }

    private func wasUsed(_ id: String) throws -> Bool {
        if try !all(.event, .parent, is: id).isEmpty { return true }
        return try Bool.fetchOne(
            db,
            sql: """
                SELECT EXISTS (SELECT 1 FROM objects
                    WHERE kind = 'charge' AND json_extract(body, '$.payment_method') = ?)
                """, arguments: [id]) ?? false
    }

    func listPaymentMethods(_ parameters: Parameters) throws -> JSONValue {
        // The sandbox has cards alone.
        _ = try parameters.choice("type", of: ["card"], default: "card")
        return try page(
            .paymentMethod, parameters, url: "/v1/payment_methods",
            where: [(.customer, try parameters.required("customer"))])
    }

    func requireAttached(_ method: String, to customer: String) throws {
        let found = try get(.paymentMethod, method, param: "default_payment_method")
        guard found["customer"]?.string == customer else {
            throw StripeError.invalid(
                "The customer does not have a payment method with the ID \(method). The payment "
                    + "method must be attached to the customer.",
                param: "default_payment_method", code: "resource_missing")
        }
    }

    private static let paymentMethodTemplate = """
        {"id":null,"object":"payment_method","allow_redisplay":"always","billing_details":
        {"address":null,"email":null,"name":null,"phone":null,"tax_id":null},"card":
        {"brand":"visa","checks":null,"country":"US","display_brand":"visa","exp_month":12,
        "exp_year":2040,"fingerprint":null,"funding":"credit","generated_from":null,
        "last4":"4242","networks":null,"three_d_secure_usage":{"supported":true},"wallet":null},
        "created":0,"customer":null,"livemode":false,"metadata":{},"type":"card"}
        """
}
