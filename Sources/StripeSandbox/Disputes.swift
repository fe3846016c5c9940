import JSON

// Disputes: docs.stripe.com/api/disputes, docs.stripe.com/disputes/how-disputes-work.

extension Account {
    static let disputeReasons = [
        "bank_cannot_process", "check_returned", "credit_not_processed", "customer_initiated",
        "debit_not_authorized", "duplicate", "fraudulent", "general", "incorrect_account_details",
        "insufficient_funds", "noncompliant", "product_not_received", "product_unacceptable",
        "subscription_canceled", "unrecognized",
    ]
    static let disputeStatuses = [
        "needs_response", "under_review", "won", "lost", "prevented", "warning_needs_response",
        "warning_under_review", "warning_closed", "appeal_needs_response", "appeal_under_review",
    ]
    private static let closedStatuses = ["won", "lost", "prevented", "warning_closed"]
    static let disputeFee: Int64 = 1_500
    static let disputeDays: Int64 = 7

    /// Opens a dispute of a charge, or moves the one that is open.
    func dispute(
        _ charge: JSONValue, status: String, amount: Int64? = nil, reason: String = "general"
    ) throws -> JSONValue {
        let chargeID = charge["id"]?.string ?? ""
        let known = try all(.dispute, .lookup, is: chargeID).last
        if let known, !Self.closedStatuses.contains(known["status"]?.string ?? "") {
            return try move(known, to: status)
        }
        let isInquiry = status.hasPrefix("warning_")
        let isClosed = Self.closedStatuses.contains(status)
        let opened = isInquiry ? "warning_needs_response" : "needs_response"
        let dispute = try open(
            charge, status: isClosed ? opened : status, amount: amount, reason: reason)
        return isClosed ? try move(dispute, to: status) : dispute
    }

    private func open(
        _ charge: JSONValue, status: String, amount: Int64?, reason: String
    ) throws -> JSONValue {
        let captured = charge["amount"]?.int ?? 0
        let amount = amount ?? captured
        guard (1...max(captured, 1)).contains(amount) else {
            throw StripeError.invalid("A dispute is of the charge or of a part.", param: "amount")
        }
        let isInquiry = status.hasPrefix("warning_")
        var dispute = try JSONValue.shaped(
            Self.disputeTemplate,
            [
                "id": .string(newID("du")), "created": .int(now), "amount": .int(amount),
                "charge": charge["id"] ?? .null, "currency": charge["currency"] ?? "usd",
                "payment_intent": charge["payment_intent"] ?? .null, "reason": .string(reason),
                "status": .string(status), "is_charge_refundable": .bool(isInquiry),
            ])
        dispute.set(
            "evidence_details", "due_by",
            to: .int(now + Self.disputeDays * CalendarDates.secondsPerDay))
        dispute.set(
            "payment_method_details", "card", "case_type",
            to: isInquiry ? "inquiry" : "chargeback")
        if !isInquiry { addBalance(to: &dispute, sign: -1) }
        try save(dispute)
        var disputed = charge
        disputed.set("disputed", to: true)
        try save(disputed)
        try emit("charge.dispute.created", dispute)
        if !isInquiry { try emit("charge.dispute.funds_withdrawn", dispute) }
        return dispute
    }

    /// An inquiry moves no money; a dispute has taken it, and gives it back when it is won. An
    /// inquiry that becomes a dispute takes it then.
    private func move(_ old: JSONValue, to status: String) throws -> JSONValue {
        guard old["status"]?.string != status else { return old }
        var dispute = old
        dispute.set("status", to: .string(status))
        let hasMoved = old["balance_transactions"]?.array?.isEmpty == false
        let isInquiry = status.hasPrefix("warning_")
        let takes = !isInquiry && status != "prevented" && !hasMoved
        let returns = hasMoved && (status == "won" || status == "prevented")
        if takes { addBalance(to: &dispute, sign: -1) }
        if returns { addBalance(to: &dispute, sign: 1) }
        dispute.set("is_charge_refundable", to: .bool(isInquiry))
        let isClosed = Self.closedStatuses.contains(status)
        if isClosed { dispute.set("evidence_details", "due_by", to: .null) }
        try save(dispute)
        if takes { try emit("charge.dispute.funds_withdrawn", dispute) }
        if returns { try emit("charge.dispute.funds_reinstated", dispute) }
        try emit(
            isClosed ? "charge.dispute.closed" : "charge.dispute.updated", dispute, previous: old)
        return dispute
    }

    private func addBalance(to dispute: inout JSONValue, sign: Int64) {
        let amount = sign * (dispute["amount"]?.int ?? 0)
        let fee = sign < 0 ? Self.disputeFee : 0
        let transaction: JSONValue = [
            "id": .string(newID("txn")), "object": "balance_transaction", "amount": .int(amount),
            "available_on": .int(now), "balance_type": "payments", "created": .int(now),
            "currency": dispute["currency"] ?? "usd",
            "description": sign < 0 ? "Chargeback withdrawal" : "Chargeback reversal",
            "exchange_rate": .null, "fee": .int(fee),
            "fee_details": fee == 0
                ? []
                : [
                    [
                        "amount": .int(fee), "application": .null,
                        "currency": dispute["currency"] ?? "usd", "description": "Dispute fee",
                        "type": "stripe_fee",
                    ]
                ],
            "net": .int(amount - fee),
            "reporting_category": sign < 0 ? "dispute" : "dispute_reversal",
            "source": dispute["id"] ?? .null, "status": "available", "type": "adjustment",
        ]
        let moved = dispute["balance_transactions"]?.array ?? []
        dispute.set("balance_transactions", to: .array(moved + [transaction]))
    }

    /// Whether the charge was lost to a dispute, or is disputed: such a one is not refunded.
    func isLost(_ charge: String) throws -> Bool {
        try all(.dispute, .lookup, is: charge).contains {
            $0["is_charge_refundable"]?.bool == false && $0["status"] != "won"
                && $0["status"] != "prevented"
        }
    }

    func disputeIfCardAsks(_ charge: JSONValue) throws {
        guard let wanted = try testCard(of: charge)?.dispute else { return }
        _ = try dispute(charge, status: wanted, reason: "fraudulent")
    }

    // MARK: Endpoints

    static let disputeUpdateFields = [
        "metadata*", "evidence[uncategorized_text]", "evidence[product_description]",
        "evidence[customer_name]", "submit", "expand*",
    ]

    /// Evidence that says `winning_evidence` or `losing_evidence` decides a dispute, as in Stripe's
    /// test mode (docs.stripe.com/testing, "Disputes").
    func updateDispute(_ id: String, _ parameters: Parameters) throws -> JSONValue {
        let old = try get(.dispute, id)
        var dispute = old
        dispute.set("metadata", to: try parameters.metadata(merging: old["metadata"] ?? [:]))
        for field in ["uncategorized_text", "product_description", "customer_name"] {
            guard let text = parameters.sent("evidence", field) else { continue }
            dispute.set("evidence", field, to: .text(text.isEmpty ? nil : text))
            dispute.set("evidence_details", "has_evidence", to: true)
        }
        let submits = try parameters.bool("submit") ?? true
        try save(dispute)
        if dispute != old { try emit("charge.dispute.updated", dispute, previous: old) }
        let text = dispute.at("evidence", "uncategorized_text")?.string
        guard submits, parameters.sent("evidence", "uncategorized_text") != nil else {
            return dispute
        }
        let isInquiry = dispute["status"]?.string?.hasPrefix("warning_") == true
        switch text {
        case "winning_evidence": return try move(dispute, to: isInquiry ? "warning_closed" : "won")
        case "losing_evidence": return try move(dispute, to: isInquiry ? "needs_response" : "lost")
        default:
            return try move(dispute, to: isInquiry ? "warning_under_review" : "under_review")
        }
    }

    func closeDispute(_ id: String) throws -> JSONValue {
        let dispute = try get(.dispute, id)
        guard !Self.closedStatuses.contains(dispute["status"]?.string ?? "") else {
            throw StripeError.invalid("This dispute is already closed.")
        }
        return try move(dispute, to: "lost")
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
        "created":0,"currency":"usd","enhanced_eligibility_types":[],"evidence":
        {"access_activity_log":null,"billing_address":null,"cancellation_policy":null,
        "cancellation_policy_disclosure":null,"cancellation_rebuttal":null,
        "customer_communication":null,"customer_email_address":null,"customer_name":null,
        "customer_purchase_ip":null,"customer_signature":null,
        "duplicate_charge_documentation":null,"duplicate_charge_explanation":null,
        "duplicate_charge_id":null,"enhanced_evidence":{},"product_description":null,
        "receipt":null,"refund_policy":null,"refund_policy_disclosure":null,
        "refund_refusal_explanation":null,"service_date":null,"service_documentation":null,
        "shipping_address":null,"shipping_carrier":null,"shipping_date":null,
        "shipping_documentation":null,"shipping_tracking_number":null,
        "uncategorized_file":null,"uncategorized_text":null},"evidence_details":{"due_by":null,
        "enhanced_eligibility":{},"has_evidence":false,"past_due":false,"submission_count":0,
        "submission_method":"not_submitted"},"is_charge_refundable":false,"livemode":false,
        "metadata":{},
        "network_reason_code":"10.4","payment_intent":null,"payment_method_details":{"card":
        {"brand":"visa","case_type":"chargeback","network":"visa","network_reason_code":"10.4"},
        "type":"card"},"reason":"general","status":"needs_response"}
        """
}
