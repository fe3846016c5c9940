import JSON

/// `POST /v1/subscriptions/{id}` (docs.stripe.com/api/subscriptions/update).
extension Account {
    static let subscriptionUpdateFields =
        ["id", "price", "quantity", "deleted", "metadata*", "metadata"]
        .map { $0.hasSuffix("*") ? "items[][\($0.dropLast())]*" : "items[][\($0)]" } + [
            "proration_behavior", "proration_date", "payment_behavior", "cancel_at_period_end",
            "cancel_at", "metadata*", "trial_end", "default_payment_method",
            "cancellation_details[comment]", "cancellation_details[feedback]",
            "billing_cycle_anchor[type]", "billing_cycle_anchor", "description", "off_session",
            "trial_settings[end_behavior][missing_payment_method]", "collection_method",
            "pause_collection",
            "pause_collection[behavior]", "pause_collection[resumes_at]", "discounts",
            "discounts[][coupon]", "expand*",
        ]

    func updateSubscription(_ id: String, _ parameters: Parameters) throws -> JSONValue {
        let old = try get(.subscription, id)
        try refuseIfEnded(old, parameters)
        try refuseIfScheduled(old, parameters)
        let behavior = try paymentBehavior(parameters, of: old)
        var subscription = old
        let metadata = try parameters.metadata(merging: old["metadata"] ?? [:])
        subscription.set("metadata", to: metadata)
        try applyPlainFields(parameters, to: &subscription)
        let change = try subscriptionChange(parameters, of: old)
        var discounted = old
        discounted.set("discounts", to: subscription["discounts"] ?? [])
        let plan = try updatePlan(change, of: discounted)
        apply(plan, change, to: &subscription)
        var bill = Bill(lines: plan.lines, isForNow: plan.invoicesNow, behavior: behavior)
        if let cancellation = try cancellation(parameters, items: plan.items) {
            let lines = try apply(
                cancellation, to: &subscription, prorates: change.prorationBehavior != "none")
            bill.add(lines, now: change.prorationBehavior == "always_invoice")
        }
        bill.prorationDate = change.prorationDate
        if behavior == "pending_if_incomplete", bill.isForNow, !bill.lines.isEmpty {
            try carryOutOrHold(bill, after: old, on: &subscription)
        } else {
            try carryOut(bill, on: &subscription)
        }
        try save(subscription)
        if subscription != old {
            try emit("customer.subscription.updated", subscription, previous: old)
            try splitPhase(of: subscription, changedFrom: old)
            try scheduleBilling(of: subscription)
        }
        return subscription
    }

    private func refuseIfEnded(_ subscription: JSONValue, _ parameters: Parameters) throws {
        guard Self.isEnded(subscription) else { return }
        let allowed = ["metadata", "cancellation_details", "expand"]
        guard parameters.entries.allSatisfy({ allowed.contains($0.path[0]) }) else {
            throw StripeError.invalid(
                "A canceled subscription can only update its cancellation_details and "
                    + "metadata.")
        }
    }

    private func paymentBehavior(
        _ parameters: Parameters, of subscription: JSONValue
    ) throws -> String {
        let behavior = try parameters.choice(
            "payment_behavior", of: Self.paymentBehaviors, default: "allow_incomplete")
        if behavior == "pending_if_incomplete" {
            try checkPendingUpdate(parameters, of: subscription)
        }
        return behavior
    }

    /// What is never prorated.
    private func applyPlainFields(
        _ parameters: Parameters, to subscription: inout JSONValue
    ) throws {
        if let method = parameters.sent("default_payment_method") {
            let customer = subscription["customer"]?.string ?? ""
            if !method.isEmpty { try requireAttached(method, to: customer) }
            subscription.set(
                "default_payment_method", to: method.isEmpty ? .null : .string(method))
        }
        if let description = parameters.sent("description") {
            subscription.set("description", to: .text(description.isEmpty ? nil : description))
        }
        if parameters.text("trial_settings", "end_behavior", "missing_payment_method") != nil {
            subscription.set(
                "trial_settings", "end_behavior", "missing_payment_method",
                to: .string(try missingPaymentMethod(parameters)))
        }
        try applyCancellationDetails(parameters, to: &subscription)
        try setPausedCollection(parameters, of: &subscription)
        try checkCollection(parameters)
        let discounts = try discounts(
            parameters, customer: subscription["customer"]?.string ?? "",
            currency: subscription["currency"]?.string ?? "usd")
        if let discounts { try give(discounts, to: &subscription) }
        _ = try parameters.bool("off_session")
    }

    func applyCancellationDetails(
        _ parameters: Parameters, to subscription: inout JSONValue
    ) throws {
        if let comment = parameters.sent("cancellation_details", "comment") {
            subscription.set(
                "cancellation_details", "comment", to: .text(comment.isEmpty ? nil : comment))
        }
        guard let feedback = parameters.sent("cancellation_details", "feedback") else { return }
        let word = try parameters.choice(
            "cancellation_details", "feedback", of: Self.cancellationFeedback, default: "")
        subscription.set(
            "cancellation_details", "feedback", to: .text(feedback.isEmpty ? nil : word))
    }

    static let cancellationFeedback = [
        "customer_service", "low_quality", "missing_features", "other", "switched_service",
        "too_complex", "too_expensive", "unused",
    ]

    func missingPaymentMethod(_ parameters: Parameters) throws -> String {
        try parameters.choice(
            "trial_settings", "end_behavior", "missing_payment_method",
            of: ["create_invoice", "cancel", "pause"], default: "create_invoice")
    }

    func subscriptionChange(
        _ parameters: Parameters, of subscription: JSONValue
    ) throws -> SubscriptionChange {
        let date = try parameters.int("proration_date") ?? now
        var change = SubscriptionChange(prorationDate: date)
        change.prorationBehavior = try parameters.choice(
            "proration_behavior", of: ["create_prorations", "always_invoice", "none"],
            default: "create_prorations")
        if parameters.text("trial_end") == "now" {
            change.endsTrial = subscription["status"] == "trialing"
        } else {
            change.trialEnd = try trialEnd(parameters)
        }
        change.resetsAnchor = try resetsAnchor(parameters)
        guard !change.resetsAnchor || change.trialEnd == nil else {
            throw StripeError.invalid(
                "You cannot set both `billing_cycle_anchor` and `trial_end`.",
                param: "billing_cycle_anchor")
        }
        change.items = try parameters.list("items").enumerated().map { place, element in
            try changedItem(element, name: "items[\(place)]", of: subscription)
        }
        return change
    }

    /// Since endive the anchor is an object; before, it was a word.
    private func resetsAnchor(_ parameters: Parameters) throws -> Bool {
        let isObject = request.version >= .endive
        let hasOther =
            isObject
            ? parameters.sent("billing_cycle_anchor") != nil
            : !parameters.scope("billing_cycle_anchor").entries.isEmpty
        guard !hasOther else {
            throw StripeError.invalid(
                isObject ? "Invalid object" : "Invalid string", param: "billing_cycle_anchor")
        }
        let words = ["now", "unchanged"]
        let word =
            isObject
            ? try parameters.choice("billing_cycle_anchor", "type", of: words, default: "unchanged")
            : try parameters.choice("billing_cycle_anchor", of: words, default: "unchanged")
        return word == "now"
    }

    private func changedItem(
        _ element: Parameters, name: String, of subscription: JSONValue
    ) throws -> SubscriptionChange.Item {
        let price = try element.text("price").map {
            try sellablePrice($0, param: "\(name)[price]")
        }
        let old = SubscriptionItem.all(of: subscription).first { $0.id == element.text("id") }
        var metadata: JSONValue?
        if element.entries.contains(where: { $0.path[0] == "metadata" }) {
            metadata = try element.metadata(merging: old?.metadata ?? [:])
        }
        return SubscriptionChange.Item(
            id: element.text("id"), price: price,
            quantity: try quantity(element, param: "\(name)[quantity]"),
            metadata: metadata,
            isDeleted: try element.bool("deleted") ?? false)
    }

    /// How many of a price: 0 is allowed, less is not.
    func quantity(_ element: Parameters, param: String) throws -> Int64? {
        guard let text = element.text("quantity") else { return nil }
        guard let quantity = Int64(text), (0...Self.maximumQuantity).contains(quantity) else {
            throw StripeError.invalid(
                "Invalid non-negative integer: \(text)", param: param,
                code: "parameter_invalid_integer")
        }
        return quantity
    }

    static let maximumQuantity: Int64 = 1_000_000

    func updatePlan(
        _ change: SubscriptionChange, of subscription: JSONValue
    ) throws -> UpdatePlan {
        let items = SubscriptionItem.all(of: subscription)
        return try UpdatePlan(
            items: items,
            context: UpdateContext(
                subscription, billed: try billedItems(of: items), now: now,
                kept: try kept(of: subscription)),
            change: change, newItemID: { newID("si") }, names: { try self.productName(of: $0) })
    }

    /// What the plan makes of the subscription, before anything is billed.
    private func apply(
        _ plan: UpdatePlan, _ change: SubscriptionChange, to subscription: inout JSONValue
    ) {
        guard !change.items.isEmpty || plan.startsNewCycle else { return }
        let id = subscription["id"]?.string ?? ""
        subscription.set("items", to: SubscriptionItem.list(plan.items, of: id))
        // The flag follows the period, as a date does not.
        if subscription["cancel_at_period_end"]?.bool == true {
            subscription.set("cancel_at", to: .int(plan.periodEnd))
        }
        guard plan.startsNewCycle else { return }
        subscription.set("billing_cycle_anchor", to: .int(change.trialEnd ?? now))
        if let trialEnd = change.trialEnd {
            if subscription["status"] != "trialing" {
                subscription.set("trial_start", to: .int(now))
            }
            subscription.set("status", to: "trialing")
            subscription.set("trial_end", to: .int(trialEnd))
        } else if change.endsTrial {
            subscription.set("status", to: "active")
            subscription.set("trial_end", to: .int(now))
        }
    }

    private func carryOut(_ bill: Bill, on subscription: inout JSONValue) throws {
        let id = subscription["id"]?.string ?? ""
        guard bill.isForNow else { return try wait(with: bill.lines, of: subscription) }
        let lines = try discounted(pendingLines(of: id) + bill.lines, of: subscription)
        guard !lines.isEmpty else { return }
        var invoice = try draftInvoice(
            of: &subscription, lines: lines, reason: "subscription_update",
            prorationDate: bill.prorationDate)
        try save(subscription)
        try finalize(&invoice)
        guard invoice["status"] != "paid" else { return }
        if bill.behavior == "default_incomplete" {
            _ = try paymentIntent(of: invoice)
            return subscription.set("status", to: "past_due")
        }
        let outcome = try collect(&invoice, retries: false)
        if bill.behavior == "error_if_incomplete" { try refuseUnlessPaid(outcome, of: invoice) }
        if outcome.isFailure { subscription.set("status", to: "past_due") }
    }

    /// Prorations that wait for the next invoice.
    private func wait(with lines: [InvoiceLine], of subscription: JSONValue) throws {
        var waiting = lines
        try addInvoiceItems(
            for: &waiting, customer: subscription["customer"] ?? .null,
            subscription: subscription["id"]?.string ?? "")
        for line in waiting where line.isBilling {
            try noteBilled(
                item: line.item, price: line.price.id, quantity: line.quantity, invoice: nil,
                line: nil, kept: line.kept)
        }
    }
}

/// What an update bills, and when.
struct Bill {
    var lines: [InvoiceLine]
    /// The lines are collected now instead of with the next invoice.
    var isForNow: Bool
    var behavior: String
    var prorationDate: Int64?

    mutating func add(_ more: [InvoiceLine], now: Bool) {
        guard !more.isEmpty else { return }
        lines += more
        isForNow = isForNow || now
    }
}
