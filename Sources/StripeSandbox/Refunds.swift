import JSON

// Refunds: docs.stripe.com/api/refunds. None names an invoice; a receiver finds it through the
// invoice payments of the payment intent.

extension Account {
    static let refundFields = [
        "charge", "payment_intent", "amount", "reason", "metadata*", "expand*",
    ]
    static let refundReasons = ["duplicate", "fraudulent", "requested_by_customer"]
    static let refundStatuses = ["pending", "requires_action", "succeeded", "failed", "canceled"]

    func createRefund(_ parameters: Parameters) throws -> JSONValue {
        let charge = try chargeToRefund(parameters)
        let amount = try parameters.int("amount")
        let reason = try parameters.text("reason").map { _ in
            try parameters.choice("reason", of: Self.refundReasons, default: "")
        }
        return try refund(
            charge, amount: amount, reason: reason, metadata: try parameters.metadata())
    }

    private func chargeToRefund(_ parameters: Parameters) throws -> JSONValue {
        if let id = parameters.text("charge") { return try get(.charge, id, param: "charge") }
        guard let id = parameters.text("payment_intent") else {
            throw StripeError.invalid(
                "One of the following params should be provided for this request: payment_intent "
                    + "or charge.")
        }
        let intent = try get(.paymentIntent, id, param: "payment_intent")
        guard intent["status"] == "succeeded", let charge = intent["latest_charge"]?.string else {
            throw StripeError.invalid(
                "This PaymentIntent (\(id)) does not have a successful charge to refund.",
                param: "payment_intent")
        }
        return try get(.charge, charge)
    }

    /// Refunds all that is left of a charge, or a part of it.
    func refund(
        _ charge: JSONValue, amount: Int64?, reason: String?, metadata: JSONValue = [:],
        status: String? = nil
    ) throws -> JSONValue {
        let chargeID = charge["id"]?.string ?? ""
        let refunded = charge["amount_refunded"]?.int ?? 0
        let captured = charge["amount_captured"]?.int ?? 0
        guard try !isLost(chargeID) else {
            throw StripeError.invalid(
                "Charge \(chargeID) has been charged back; cannot issue a refund.",
                code: "charge_disputed")
        }
        guard captured > 0, refunded < captured else {
            throw StripeError.invalid(
                "Charge \(chargeID) has already been refunded.",
                code: "charge_already_refunded")
        }
        let amount = amount ?? captured - refunded
        guard amount > 0, amount <= captured - refunded else {
            throw StripeError.invalid(
                "Refund amount (\(amount)) is greater than unrefunded amount on charge "
                    + "(\(captured - refunded))", param: "amount")
        }
        let behavior = try refundBehavior(of: charge)
        let first = status ?? (behavior == .pends ? "pending" : "succeeded")
        let refund = try JSONValue.shaped(
            Self.refundTemplate,
            [
                "id": .string(newID("re")), "amount": .int(amount), "charge": .string(chargeID),
                "created": .int(now), "currency": charge["currency"] ?? "usd",
                "metadata": metadata, "payment_intent": charge["payment_intent"] ?? .null,
                "reason": .text(reason), "status": .string(first),
                "pending_reason": first == "pending" ? "processing" : .null,
            ])
        try save(refund)
        let updated = try count(amount, refundedOf: charge)
        try emit("refund.created", refund)
        try emit("charge.refunded", updated, previous: charge)
        if behavior == .fails, status == nil { return try settle(refund, as: "failed") }
        return refund
    }

    /// Adds to, or takes from, what is refunded of a charge.
    private func count(_ amount: Int64, refundedOf charge: JSONValue) throws -> JSONValue {
        var updated = charge
        let refunded = (charge["amount_refunded"]?.int ?? 0) + amount
        updated.set("amount_refunded", to: .int(refunded))
        updated.set("refunded", to: .bool(refunded == charge["amount_captured"]?.int))
        try save(updated)
        return updated
    }

    /// A refund that was on its way arrives, or comes back: also one that seemed to have succeeded
    /// may fail later (docs.stripe.com/refunds, "Failed refunds").
    @discardableResult
    func settle(_ refund: JSONValue, as status: String) throws -> JSONValue {
        guard refund["status"]?.string != status else { return refund }
        let isOver = ["failed", "canceled"].contains(refund["status"]?.string)
        guard !isOver else {
            throw StripeError.invalid(
                "The refund is \(refund["status"]?.string ?? "") for good.")
        }
        var settled = refund
        settled.set("status", to: .string(status))
        settled.set("pending_reason", to: status == "pending" ? "processing" : .null)
        let comesBack = status == "failed" || status == "canceled"
        if status == "failed" { settled.set("failure_reason", to: "lost_or_stolen_card") }
        try save(settled)
        if comesBack {
            let charge = try get(.charge, refund["charge"]?.string ?? "")
            _ = try count(-(refund["amount"]?.int ?? 0), refundedOf: charge)
        }
        try emit("refund.updated", settled, previous: refund)
        try emit("charge.refund.updated", settled, previous: refund)
        if status == "failed" { try emit("refund.failed", settled) }
        return settled
    }

    private func refundBehavior(of charge: JSONValue) throws -> TestCard.Refund {
        try testCard(of: charge)?.refund ?? .succeeds
    }

    func testCard(of charge: JSONValue) throws -> TestCard? {
        guard let id = charge["payment_method"]?.string,
            let last4 = try find(.paymentMethod, id)?.at("card", "last4")?.string
        else { return nil }
        return TestCard.all.first { $0.last4 == last4 }
    }

    func updateRefund(_ id: String, _ parameters: Parameters) throws -> JSONValue {
        let old = try get(.refund, id)
        var refund = old
        refund.set("metadata", to: try parameters.metadata(merging: old["metadata"] ?? [:]))
        try save(refund)
        if refund != old {
            try emit("refund.updated", refund, previous: old)
            try emit("charge.refund.updated", refund, previous: old)
        }
        return refund
    }

    func cancelRefund(_ id: String) throws -> JSONValue {
        let refund = try get(.refund, id)
        guard refund["status"] == "requires_action" else {
            throw StripeError.invalid(
                "Only a refund that requires action can be canceled: this one is "
                    + "\(refund["status"]?.string ?? "").")
        }
        return try settle(refund, as: "canceled")
    }

    func listRefunds(_ parameters: Parameters) throws -> JSONValue {
        try page(
            .refund, parameters, url: "/v1/refunds",
            where: [
                (.lookup, parameters.text("charge")),
                (.parent, parameters.text("payment_intent")),
            ])
    }

    private static let refundTemplate = """
        {"id":null,"object":"refund","amount":0,"balance_transaction":null,"charge":null,
        "created":0,"currency":"usd","customer":null,"destination_details":{"card":
        {"reference":null,"reference_status":"pending","reference_type":
        "acquirer_reference_number","type":"refund"},"type":"card"},"metadata":{},
        "payment_intent":null,"payment_method":null,"pending_reason":null,"reason":null,
        "receipt_number":null,"source_transfer_reversal":null,"status":"succeeded",
        "transfer_reversal":null}
        """
}
