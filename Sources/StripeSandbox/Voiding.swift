import JSON

// Invoices that are given up: docs.stripe.com/api/invoices/void,
// docs.stripe.com/api/invoices/mark_uncollectible; what becomes of the subscription follows
// docs.stripe.com/billing/invoices/subscription.

extension Account {
    func voidInvoice(_ id: String) throws -> JSONValue {
        var invoice = try get(.invoice, id)
        guard ["open", "uncollectible"].contains(invoice["status"]?.string) else {
            throw StripeError.invalid(
                "You can only void open or uncollectible invoices: this one is "
                    + "\(invoice["status"]?.string ?? "").", code: "invoice_not_editable")
        }
        try void(&invoice)
        if var subscription = try subscription(of: invoice) {
            try dropPendingUpdate(of: &subscription)
            try followVoiding(of: invoice)
        }
        return invoice
    }

    /// Voids an invoice for good and cancels its payment.
    func void(_ invoice: inout JSONValue) throws {
        guard let id = invoice["id"]?.string else { return }
        invoice.set("status", to: "void")
        invoice.set("auto_advance", to: false)
        invoice.set("next_payment_attempt", to: .null)
        invoice.set("status_transitions", "voided_at", to: .int(now))
        try save(invoice)
        try unscheduleAll(of: id)
        for var payment in try all(.invoicePayment, .parent, is: id)
        where payment["status"] == "open" {
            payment.set("status", to: "canceled")
            payment.set("status_transitions", "canceled_at", to: .int(now))
            try save(payment)
            guard let intentID = payment.at("payment", "payment_intent")?.string else { continue }
            var intent = try get(.paymentIntent, intentID)
            intent.set("status", to: "canceled")
            intent.set("canceled_at", to: .int(now))
            intent.set("cancellation_reason", to: "void_invoice")
            intent.set("next_action", to: .null)
            try save(intent)
            try emit("payment_intent.canceled", intent)
        }
        try emit("invoice.voided", invoice)
    }

    func markUncollectible(_ id: String) throws -> JSONValue {
        var invoice = try get(.invoice, id)
        guard invoice["status"] == "open" else {
            throw StripeError.invalid(
                "You can only mark open invoices as uncollectible: this one is "
                    + "\(invoice["status"]?.string ?? "").", code: "invoice_not_editable")
        }
        try markUncollectible(&invoice)
        guard let subscription = try subscription(of: invoice),
            subscription["latest_invoice"] == invoice["id"]
        else { return invoice }
        try revive(subscription)
        return invoice
    }

    func markUncollectible(_ invoice: inout JSONValue) throws {
        invoice.set("status", to: "uncollectible")
        invoice.set("auto_advance", to: false)
        invoice.set("next_payment_attempt", to: .null)
        invoice.set("status_transitions", "marked_uncollectible_at", to: .int(now))
        try save(invoice)
        try unscheduleAll(of: invoice["id"]?.string ?? "")
        try emit("invoice.marked_uncollectible", invoice)
    }

    /// Voiding can make a subscription active again, or end it.
    private func followVoiding(of invoice: JSONValue) throws {
        guard let subscription = try subscription(of: invoice), !Self.isEnded(subscription),
            subscription["status"] != "paused"
        else { return }
        if invoice["billing_reason"] == "subscription_create" {
            if subscription["status"] == "incomplete" {
                try end(subscription, reason: "payment_failed", status: "incomplete_expired")
            } else {
                try revive(subscription)
            }
            return
        }
        guard subscription["latest_invoice"] == invoice["id"] else { return }
        let earlier = try all(.invoice, .parent, is: subscription["id"]?.string ?? "")
            .reversed().drop { $0["id"] != invoice["id"] }.dropFirst()
        for other in earlier {
            if other["status"] == "paid" || other["status"] == "uncollectible" { break }
            let isGivenUp =
                other["status"] == "open" && other["attempted"]?.bool == true
                && other["next_payment_attempt"]?.int == nil
            if isGivenUp { return try giveUp(subscription) }
        }
        try revive(subscription)
    }

    /// Back to active from where a failed payment had brought it.
    private func revive(_ subscription: JSONValue) throws {
        guard ["past_due", "unpaid"].contains(subscription["status"]?.string) else { return }
        var active = subscription
        active.set("status", to: "active")
        try save(active)
        try emit("customer.subscription.updated", active, previous: subscription)
        try scheduleBilling(of: active)
    }

    /// The last retry has failed: what the account's setting makes of the subscription.
    func giveUp(_ subscription: JSONValue) throws {
        switch knobs.dunningEnd {
        case .canceled: try end(subscription, reason: "payment_failed")
        case .pastDue, .unpaid:
            var late = subscription
            late.set("status", to: knobs.dunningEnd == .unpaid ? "unpaid" : "past_due")
            guard late != subscription else { return }
            try save(late)
            try emit("customer.subscription.updated", late, previous: subscription)
        }
    }

    // MARK: Drafts and open invoices

    static let invoiceUpdateFields = [
        "auto_advance", "metadata*", "description", "footer", "statement_descriptor", "expand*",
    ]

    func updateInvoice(_ id: String, _ parameters: Parameters) throws -> JSONValue {
        let old = try get(.invoice, id)
        var invoice = old
        invoice.set("metadata", to: try parameters.metadata(merging: old["metadata"] ?? [:]))
        if let advances = try parameters.bool("auto_advance") {
            guard ["draft", "open"].contains(old["status"]?.string) else {
                throw StripeError.invalid(
                    "A finalized invoice's auto_advance cannot be changed.", param: "auto_advance",
                    code: "invoice_not_editable")
            }
            invoice.set("auto_advance", to: .bool(advances))
            try setAdvancing(&invoice, advances)
        }
        for field in ["description", "footer", "statement_descriptor"] {
            guard let text = parameters.sent(field) else { continue }
            invoice.set(field, to: .text(text.isEmpty ? nil : text))
        }
        try save(invoice)
        if invoice != old { try emit("invoice.updated", invoice, previous: old) }
        return invoice
    }

    private func setAdvancing(_ invoice: inout JSONValue, _ advances: Bool) throws {
        guard invoice["status"] == "draft", let id = invoice["id"]?.string else { return }
        let time = now + Self.draftLifetime
        invoice.set("automatically_finalizes_at", to: advances ? .int(time) : .null)
        invoice.set("next_payment_attempt", to: advances ? .int(time) : .null)
        if advances {
            try schedule(.finalizeInvoice, id, at: time)
        } else {
            try unschedule(.finalizeInvoice, id)
        }
    }

    func finalizeInvoice(_ id: String, _ parameters: Parameters) throws -> JSONValue {
        var invoice = try get(.invoice, id)
        guard invoice["status"] == "draft" else {
            throw StripeError.invalid(
                "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
                code: "invoice_not_editable")
        }
        let advances = try parameters.bool("auto_advance")
        try unschedule(.finalizeInvoice, id)
        try finalize(&invoice)
        if let advances, invoice["status"] == "open" {
            invoice.set("auto_advance", to: .bool(advances))
            try save(invoice)
        }
        return invoice
    }

    /// A subscription's draft cannot be deleted, and the sandbox makes no others.
    func deleteInvoice(_ id: String) throws -> JSONValue {
        _ = try get(.invoice, id)
        throw StripeError.invalid(
            "You can't delete invoices created by subscriptions.", code: "invoice_not_editable")
    }
}
