import JSON

/// When a failed payment is tried again: days after the first failure. After the last one the
/// subscription is canceled, unless a test has chosen otherwise
/// (docs.stripe.com/billing/revenue-recovery/smart-retries lets an account choose both; these are
/// the sandbox's).
enum Dunning {
    static let retryDays: [Int64] = [1, 3, 5]
}

/// Collecting open invoices.
extension Account {
    /// Tries to collect an open invoice. Where it fails, the invoice says when the next attempt is.
    ///
    /// A manual attempt moves no retry; an unauthenticated charge of a card that asks for
    /// authentication fails with `invoice.payment_action_required`.
    func collect(
        _ invoice: inout JSONValue, method chosen: String? = nil, authenticated: Bool = false,
        isManual: Bool = false, retries: Bool = true
    ) throws -> PaymentOutcome {
        guard let id = invoice["id"]?.string else { return .paid }
        let method =
            try chosen.map { try get(.paymentMethod, $0, param: "payment_method") }
            ?? paymentMethod(for: invoice)
        let outcome = try charge(invoice, method: method, authenticated: authenticated)
        let attempts = invoice["attempt_count"]?.int ?? 0
        if !isManual || attempts == 0 { invoice.set("attempt_count", to: .int(attempts + 1)) }
        invoice.set("attempted", to: true)
        guard outcome != .paid else {
            try markPaid(&invoice, isCharged: true)
            return outcome
        }
        guard outcome.isFailure else {
            invoice.set("next_payment_attempt", to: .null)
            try save(invoice)
            return outcome
        }
        if !isManual { try planRetry(of: &invoice, id: id, allowed: retries) }
        try save(invoice)
        if outcome == .actionRequired { try emit("invoice.payment_action_required", invoice) }
        try emit("invoice.payment_failed", invoice)
        return outcome
    }

    func planRetry(of invoice: inout JSONValue, id: String, allowed: Bool) throws {
        let attempts = Int(invoice["attempt_count"]?.int ?? 1)
        let firstAttempt = invoice.at("status_transitions", "finalized_at")?.int ?? now
        guard allowed, Dunning.retryDays.indices.contains(attempts - 1) else {
            invoice.set("next_payment_attempt", to: .null)
            return
        }
        let delay = Dunning.retryDays[attempts - 1] * CalendarDates.secondsPerDay
        invoice.set("next_payment_attempt", to: .int(firstAttempt + delay))
        try schedule(.retryPayment, id, at: firstAttempt + delay)
    }

    private func paymentMethod(for invoice: JSONValue) throws -> JSONValue? {
        if let subscription = try subscription(of: invoice),
            let id = subscription["default_payment_method"]?.string
        {
            return try find(.paymentMethod, id)
        }
        let customer = try get(.customer, invoice["customer"]?.string ?? "")
        let id = customer.at("invoice_settings", "default_payment_method")?.string
        return try id.flatMap { try find(.paymentMethod, $0) }
    }

    func subscription(of invoice: JSONValue) throws -> JSONValue? {
        let id = invoice.at("parent", "subscription_details", "subscription")?.string
        return try id.flatMap { try find(.subscription, $0) }
    }

    /// What a payment's outcome makes of the subscription: paid brings it back to active, a failure
    /// makes it past due.
    func reflect(_ outcome: PaymentOutcome, of invoice: JSONValue) throws {
        guard var subscription = try subscription(of: invoice),
            !Self.isEnded(subscription), let status = subscription["status"]?.string
        else { return }
        // An update that waits for its payment has changed nothing that could be owed.
        let isWaiting =
            subscription["pending_update"]?.object != nil
            && invoice["billing_reason"] == "subscription_update"
        if isWaiting && outcome.isFailure { return }
        let old = subscription
        // A late payment counts if it is of the latest invoice.
        let isLatest = subscription["latest_invoice"] == invoice["id"]
        switch (outcome, status) {
        case (.paid, "incomplete"), (.processing, "incomplete"):
            let isTrialing = subscription["trial_end"]?.int ?? 0 > now
            subscription.set("status", to: isTrialing ? "trialing" : "active")
            try unschedule(.expireIncomplete, subscription["id"]?.string ?? "")
            try scheduleBilling(of: subscription)
        case (.paid, "past_due") where isLatest, (.paid, "unpaid") where isLatest:
            subscription.set("status", to: "active")
            try unschedule(.expireIncomplete, subscription["id"]?.string ?? "")
            try scheduleBilling(of: subscription)
        case (.declined, "active"), (.actionRequired, "active"):
            subscription.set("status", to: "past_due")
        default: return
        }
        try save(subscription)
        try emit("customer.subscription.updated", subscription, previous: old)
    }

    // MARK: What falls due

    /// A draft is finalized, and charged, an hour after it was made.
    func finalizeDraft(_ id: String) throws {
        guard var invoice = try find(.invoice, id), invoice["status"] == "draft" else { return }
        try finalize(&invoice)
        if invoice["status"] == "open", try givesUpAsPaused(&invoice) { return }
        let outcome = invoice["status"] == "paid" ? .paid : try collect(&invoice)
        try reflect(outcome, of: invoice)
    }

    func retryPayment(_ id: String) throws {
        guard var invoice = try find(.invoice, id), invoice["status"] == "open" else { return }
        let outcome = try collect(&invoice)
        try reflect(outcome, of: invoice)
        let wasLast = invoice["next_payment_attempt"]?.int == nil
        guard outcome.isFailure, wasLast, let subscription = try subscription(of: invoice),
            !Self.isEnded(subscription)
        else { return }
        try giveUp(subscription)
    }

    // MARK: Endpoints

    /// `POST /v1/invoices/{id}/pay`: collects an open invoice now.
    func payInvoice(_ id: String, _ parameters: Parameters) throws -> JSONValue {
        let outsideStripe = try parameters.bool("paid_out_of_band") ?? false
        _ = try parameters.bool("off_session")
        return try keepingTries {
            try pay(id, method: parameters.text("payment_method"), outsideStripe: outsideStripe)
        }
    }

    /// A try of a payment that failed is told by 402, and has happened all the same.
    func keepingTries<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch var error as StripeError {
            error.keepsChanges = error.status == 402
            throw error
        }
    }

    func pay(
        _ id: String, method: String? = nil, outsideStripe: Bool = false,
        authenticated: Bool = false
    ) throws -> JSONValue {
        var invoice = try get(.invoice, id)
        if invoice["status"] == "draft" { try finalize(&invoice) }
        guard ["open", "uncollectible"].contains(invoice["status"]?.string) else {
            throw StripeError.invalid(
                invoice["status"] == "paid"
                    ? "Invoice is already paid"
                    : "This invoice can no longer be paid: it is "
                        + "\(invoice["status"]?.string ?? "").", code: "invoice_not_editable")
        }
        if outsideStripe {
            try markPaid(&invoice)
            try reflect(.paid, of: invoice)
            return invoice
        }
        let outcome = try collect(
            &invoice, method: method, authenticated: authenticated, isManual: true)
        try refuseUnlessPaid(outcome, of: invoice)
        try reflect(outcome, of: invoice)
        return invoice
    }

    /// Turns a payment that did not go through into the 402 that undoes the request.
    func refuseUnlessPaid(_ outcome: PaymentOutcome, of invoice: JSONValue) throws {
        switch outcome {
        case .paid, .processing: return
        case .declined(let failure):
            throw StripeError.card(failure, paymentIntent: try paymentIntent(of: invoice))
        case .actionRequired:
            throw StripeError.card(
                .authenticationRequired, paymentIntent: try paymentIntent(of: invoice))
        }
    }
}
