import JSON

// Refunds and disputes: docs.stripe.com/api/refunds, docs.stripe.com/api/disputes. Neither names an
// invoice; a receiver finds it through the invoice payments of the payment intent.

extension Account {
    static let refundFields = [
        "charge", "payment_intent", "amount", "reason", "metadata*", "expand*",
    ]

    func createRefund(_ parameters: Parameters) throws -> JSONValue {
        let charge = try chargeToRefund(parameters)
        let amount = try parameters.int("amount")
        return try refund(
            charge, amount: amount, reason: parameters.text("reason"),
            metadata: try parameters.metadata())
    }

    private func chargeToRefund(_ parameters: Parameters) throws -> JSONValue {
        if let id = parameters.text("charge") { return try get(.charge, id, param: "charge") }
        let id = try parameters.required("payment_intent")
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
        _ charge: JSONValue, amount: Int64?, reason: String?, metadata: JSONValue = [:]
    ) throws -> JSONValue {
        let chargeID = charge["id"]?.string ?? ""
        let refunded = charge["amount_refunded"]?.int ?? 0
        let captured = charge["amount_captured"]?.int ?? 0
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
        let refund: JSONValue = [
            "id": .string(newID("re")), "object": "refund", "amount": .int(amount),
            "balance_transaction": .null, "charge": .string(chargeID), "created": .int(now),
            "currency": charge["currency"] ?? "usd",
            "destination_details": ["card": ["type": "refund"], "type": "card"],
            "metadata": metadata, "payment_intent": charge["payment_intent"] ?? .null,
            "reason": .text(reason), "receipt_number": .null, "source_transfer_reversal": .null,
            "status": "succeeded", "transfer_reversal": .null,
        ]
        try save(refund)
        var updated = charge
        updated.set("amount_refunded", to: .int(refunded + amount))
        updated.set("refunded", to: .bool(refunded + amount == captured))
        try save(updated)
        try emit("refund.created", refund)
        try emit("charge.refunded", updated, previous: charge)
        return refund
    }

    func listRefunds(_ parameters: Parameters) throws -> JSONValue {
        try page(
            .refund, parameters, url: "/v1/refunds",
            where: [
                (.lookup, parameters.text("charge")),
                (.parent, parameters.text("payment_intent")),
            ])
    }

    /// Opens a dispute of a charge, or closes the one that is open.
    func dispute(_ charge: JSONValue, status: String) throws -> JSONValue {
        let chargeID = charge["id"]?.string ?? ""
        let isClosed = status == "lost" || status == "won"
        if let open = try all(.dispute, .lookup, is: chargeID).last {
            var dispute = open
            dispute.set("status", to: .string(status))
            try save(dispute)
            let type = isClosed ? "charge.dispute.closed" : "charge.dispute.updated"
            try emit(type, dispute, previous: open)
            return dispute
        }
        var dispute = try JSONValue.shaped(
            Self.disputeTemplate,
            [
                "id": .string(newID("du")), "created": .int(now),
                "amount": charge["amount"] ?? 0, "charge": .string(chargeID),
                "currency": charge["currency"] ?? "usd",
                "payment_intent": charge["payment_intent"] ?? .null,
            ])
        try save(dispute)
        var disputed = charge
        disputed.set("disputed", to: true)
        try save(disputed)
        try emit("charge.dispute.created", dispute)
        guard isClosed else { return dispute }
        let open = dispute
        dispute.set("status", to: .string(status))
        try save(dispute)
        try emit("charge.dispute.closed", dispute, previous: open)
        return dispute
    }

    func listDisputes(_ parameters: Parameters) throws -> JSONValue {
        try page(
            .dispute, parameters, url: "/v1/disputes",
            where: [
                (.lookup, parameters.text("charge")),
                (.parent, parameters.text("payment_intent")),
            ])
    }

    private static let disputeTemplate = """
        {"id":null,"object":"dispute","amount":0,"balance_transactions":[],"charge":null,
        "created":0,"currency":"usd","enhanced_eligibility_types":[],"evidence":{},
        "evidence_details":{"due_by":null,"has_evidence":false,"past_due":false,
        "submission_count":0},"is_charge_refundable":false,"livemode":false,"metadata":{},
        "payment_intent":null,"reason":"general","status":"needs_response"}
        """
}
