import JSON

/// Paying a session. The subscription is made only now, after the payment
/// (docs.stripe.com/changelog/basil/2025-03-31/checkout-legacy-subscription-upgrade); a payment
/// that fails leaves the session open and nothing behind.
extension Account {
    func completeSession(
        _ id: String, authenticated: Bool, isProcessed: Bool = false, keepsCard: Bool = false
    ) throws -> JSONValue {
        var session = try get(.checkoutSession, id)
        guard session["status"] == "open" else {
            throw StripeError.invalid("This Checkout Session is no longer open.")
        }
        let order = try order(ofSession: id)
        let card =
            authenticated
            ? TestCard.all.first { $0.charge == .asksForAuthentication } ?? .visa : .visa
        if session["mode"] == "payment" {
            try pay(
                &session, order, card, authenticated: authenticated, isProcessed: isProcessed,
                keepsCard: keepsCard)
            return try complete(session)
        }
        let customer = try customerOfSession(session)
        let isFreeNow = session["amount_total"]?.int == 0
        if isProcessed, !isFreeNow { try setNextCharge("processing", of: customer) }
        let collectsCard = !isFreeNow || session["payment_method_collection"] != "if_required"
        let method = collectsCard ? try attach(card, to: customer) : nil
        let new = try newSubscription(
            order, customer: customer, method: method, authenticated: authenticated)
        let started = try start(new)
        let isFree = started.invoice["amount_due"]?.int == 0
        let paid = started.outcome == .processing ? "unpaid" : "paid"
        session.set("payment_status", to: .string(isFree ? "no_payment_required" : paid))
        session.set("customer", to: .string(customer))
        session.set("subscription", to: started.subscription["id"] ?? .null)
        session.set("invoice", to: started.invoice["id"] ?? .null)
        return try complete(session)
    }

    private func complete(_ paid: JSONValue) throws -> JSONValue {
        var session = paid
        session.set("status", to: "complete")
        session.set("url", to: .null)
        let customer = try session["customer"]?.string.flatMap { try find(.customer, $0) }
        session.set(
            "customer_details",
            to: [
                "address": .null, "business_name": .null,
                "email": customer?["email"] ?? session["customer_email"] ?? .null,
                "individual_name": .null, "name": customer?["name"] ?? .null, "phone": .null,
                "tax_exempt": "none", "tax_ids": [],
            ])
        try save(session)
        try unscheduleAll(of: session["id"]?.string ?? "")
        try emit("checkout.session.completed", session)
        return session
    }

    func customerOfSession(_ session: JSONValue) throws -> String {
        if let id = session["customer"]?.string {
            _ = try getLive(.customer, id, param: "customer")
            return id
        }
        var email = Parameters()
        if let address = session["customer_email"]?.string {
            email.entries = [Parameters.Entry(path: ["email"], value: address)]
        }
        return try createCustomer(email)["id"]?.string ?? ""
    }

    private func newSubscription(
        _ order: JSONValue, customer: String, method: JSONValue?, authenticated: Bool
    ) throws -> NewSubscription {
        var new = NewSubscription(customer: customer, items: [])
        for line in order["lines"]?.array ?? [] {
            let price = try get(.price, line["price"]?.string ?? "")
            new.items.append(
                NewSubscription.Item(price: price, quantity: line["quantity"]?.int ?? 1))
        }
        new.metadata = order["metadata"] ?? [:]
        new.defaultPaymentMethod = method?["id"]?.string
        // The days of a trial count from the payment, not from the session's creation.
        let days = order["trial_days"]?.int.map { now + $0 * CalendarDates.secondsPerDay }
        new.trialEnd = days ?? order["trial_end"]?.int
        new.withoutPaymentMethod = order["missing"]?.string ?? "create_invoice"
        new.description = order["description"]?.string
        new.isFlexible = order["billing_mode"] != "classic"
        new.discounts = (order["discounts"]?.array ?? []).map { discount in
            var discount = discount
            discount.set("customer", to: .string(customer))
            return discount
        }
        new.paymentBehavior = "error_if_incomplete"
        new.isAuthenticated = authenticated
        return new
    }
}
