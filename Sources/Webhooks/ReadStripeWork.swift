import JSON
import Messaging
import Stripe

/// What a message of an event's work is about, fetched from Stripe if the event did not tell.
extension StripeEventHandlers {
    /// - Throws: `PoisonMessage` for work that can never be done: it becomes a dead letter, where
    ///   an operator finds it.
    func read(_ message: Message) async throws -> JSONValue {
        let work: JSONValue
        do {
            work = try JSONValue.parse(message.body)
        } catch {
            throw PoisonMessage("not JSON: \(error)")
        }
        if let reason = work["unreadable"]?.string {
            let (type, event) = (work["type"]?.string ?? "?", work["event"]?.string ?? "?")
            throw PoisonMessage("\(type) \(event) cannot be read: \(reason)")
        }
        if let version = work["api_version"]?.string {
            try await notices.add(
                "webhook_version", subject: "webhook endpoint of \(version)",
                "a webhook endpoint sends events of \(version), which are read as well as can be: "
                    + "make one of \(stripeVersion) by cuebx stripe webhooks create")
        }
        return work
    }

    /// The subscription that an event is about; `nil` for an invoice that is none's.
    func subscription(of work: JSONValue) async throws -> String? {
        if let known = work["subscription"]?.string { return known }
        guard let invoice = work["invoice"]?.string else { return nil }
        return try await known(invoice, of: work) { () throws(StripeError) in
            try await stripe.retrieveInvoice(invoice)
        }.subscriptionID
    }

    /// The payment intent of a charge or a dispute; `nil` for a charge that has none, and so is no
    /// invoice's.
    func paymentIntent(of work: JSONValue) async throws -> String? {
        if let known = work["payment_intent"]?.string { return known }
        guard let charge = work["charge"]?.string else { return nil }
        return try await known(charge, of: work) { () throws(StripeError) in
            try await stripe.retrieveCharge(charge)
        }.paymentIntentID
    }

    private func known<Object>(
        _ id: String, of work: JSONValue, _ fetch: () async throws(StripeError) -> Object
    ) async throws -> Object {
        do {
            return try await fetch()
        } catch {
            guard case .notFound = error.kind else { throw error }
            let (type, event) = (work["type"]?.string ?? "?", work["event"]?.string ?? "?")
            throw PoisonMessage("\(type) \(event) is about \(id), which Stripe does not know")
        }
    }
}
