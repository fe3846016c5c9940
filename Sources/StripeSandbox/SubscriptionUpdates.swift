import JSON

/// `POST /v1/subscriptions/{id}` (docs.stripe.com/api/subscriptions/update) and the preview of it
/// (docs.stripe.com/api/invoices/create_preview).
extension Account {
    static let itemFields = ["id", "price", "quantity", "deleted"]

    static let subscriptionUpdateFields =
        itemFields.map { "items[][\($0)]" } + [
            "proration_behavior", "proration_date", "payment_behavior", "cancel_at_period_end",
            "metadata*", "trial_end", "default_payment_method", "cancellation_details*",
            "billing_cycle_anchor[type]", "description", "off_session",
            "trial_settings[end_behavior][missing_payment_method]", "expand*",
        ]

    static let previewFields =
        itemFields.map { "subscription_details[items][][\($0)]" } + [
            "customer", "subscription", "subscription_details[proration_behavior]",
            "subscription_details[proration_date]", "subscription_details[trial_end]",
            "subscription_details[billing_cycle_anchor][type]",
            "subscription_details[cancel_at_period_end]", "expand*",
        ]

    func updateSubscription(_ id: String, _ parameters: Parameters) throws -> JSONValue {
        let old = try get(.subscription, id)
        var subscription = old
        let metadata = try parameters.metadata(merging: old["metadata"] ?? [:])
        subscription.set("metadata", to: metadata)
        if Self.isEnded(old) {
            let allowed = ["metadata", "cancellation_details", "expand"]
            guard parameters.entries.allSatisfy({ allowed.contains($0.path[0]) }) else {
                throw StripeError.invalid(
                    "A canceled subscription can only update its cancellation_details and "
                        + "metadata.")
            }
        }
        let behavior = try paymentBehavior(parameters)
        try applyPlainFields(parameters, to: &subscription)
        let change = try subscriptionChange(parameters, of: old)
        let plan = try updatePlan(change, of: old)
        try carryOut(plan, change, behavior: behavior, on: &subscription)
        try save(subscription)
        if subscription != old {
            try emit("customer.subscription.updated", subscription, previous: old)
            try scheduleBilling(of: subscription)
        }
        return subscription
    }

    private func paymentBehavior(_ parameters: Parameters) throws -> String {
        let behavior = try parameters.choice(
            "payment_behavior", of: Self.paymentBehaviors, default: "allow_incomplete")
        guard behavior == "allow_incomplete" || behavior == "error_if_incomplete" else {
            throw StripeError.invalid(
                "This sandbox does not update subscriptions with payment_behavior=\(behavior).",
                param: "payment_behavior")
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
            subscription.set("description", to: .string(description))
        }
        for field in ["comment", "feedback"] {
            guard let value = parameters.text("cancellation_details", field) else { continue }
            subscription.set("cancellation_details", field, to: .string(value))
        }
        if let cancels = try parameters.bool("cancel_at_period_end") {
            setCancelAtPeriodEnd(cancels, of: &subscription)
        }
        // A trial can be moved while it runs; `now` ends it and is part of the plan.
        guard parameters.text("trial_end") != "now",
            let trialEnd = try parameters.int("trial_end")
        else { return }
        guard subscription["status"] == "trialing", trialEnd > now else {
            throw StripeError.invalid(
                "This sandbox moves only a running trial, and only into the future.",
                param: "trial_end")
        }
        subscription.set("trial_end", to: .int(trialEnd))
        subscription.set("billing_cycle_anchor", to: .int(trialEnd))
        var items = SubscriptionItem.all(of: subscription)
        for index in items.indices { items[index].periodEnd = trialEnd }
        let id = subscription["id"]?.string ?? ""
        subscription.set("items", to: SubscriptionItem.list(items, of: id))
    }

    func subscriptionChange(
        _ parameters: Parameters, of subscription: JSONValue
    ) throws -> SubscriptionChange {
        let date = try parameters.int("proration_date") ?? now
        var change = SubscriptionChange(prorationDate: date)
        change.prorationBehavior = try parameters.choice(
            "proration_behavior", of: ["create_prorations", "always_invoice", "none"],
            default: "create_prorations")
        change.endsTrial =
            parameters.text("trial_end") == "now" && subscription["status"] == "trialing"
        change.resetsAnchor = parameters.text("billing_cycle_anchor", "type") == "now"
        change.items = try parameters.list("items").map { element in
            let price = try element.text("price").map {
                try sellablePrice($0, param: "items[0][price]")
            }
            let quantity = try element.int("quantity")
            guard quantity ?? 0 >= 0 else {
                throw StripeError.invalid("Invalid quantity.", param: "items[0][quantity]")
            }
            return SubscriptionChange.Item(
                id: element.text("id"), price: price, quantity: quantity,
                isDeleted: try element.bool("deleted") ?? false)
        }
        return change
    }

    func updatePlan(
        _ change: SubscriptionChange, of subscription: JSONValue
    ) throws -> UpdatePlan {
        let items = SubscriptionItem.all(of: subscription)
        return try UpdatePlan(
            items: items, isTrialing: subscription["status"] == "trialing",
            billed: try billedItems(of: items), change: change, now: now,
            newItemID: { newID("si") }, names: { try self.productName(of: $0) })
    }

    private func carryOut(
        _ plan: UpdatePlan, _ change: SubscriptionChange, behavior: String,
        on subscription: inout JSONValue
    ) throws {
        guard !change.items.isEmpty || plan.startsNewCycle else { return }
        let id = subscription["id"]?.string ?? ""
        subscription.set("items", to: SubscriptionItem.list(plan.items, of: id))
        if plan.startsNewCycle {
            subscription.set("billing_cycle_anchor", to: .int(now))
            if change.endsTrial {
                subscription.set("status", to: "active")
                subscription.set("trial_end", to: .int(now))
            }
        }
        guard plan.invoicesNow else {
            var waiting = plan.lines
            try addInvoiceItems(
                for: &waiting, customer: subscription["customer"] ?? .null, subscription: id)
            for line in waiting where line.isBilling {
                try noteBilled(
                    item: line.item, price: line.price.id, quantity: line.quantity,
                    invoice: nil, line: nil)
            }
            return
        }
        let lines = try pendingLines(of: id) + plan.lines
        guard !lines.isEmpty else { return }
        var invoice = try draftInvoice(
            of: &subscription, lines: lines, reason: "subscription_update",
            prorationDate: change.prorationDate)
        try save(subscription)
        try finalize(&invoice)
        guard invoice["status"] != "paid" else { return }
        let outcome = try collect(&invoice, retries: behavior == "allow_incomplete")
        if behavior == "error_if_incomplete" { try refuseUnlessPaid(outcome, of: invoice) }
        if outcome != .paid { subscription.set("status", to: "past_due") }
    }

    /// `POST /v1/invoices/create_preview`: the invoice that a change would lead to.
    ///
    /// With `always_invoice` it is what would be charged now; otherwise what the next period's
    /// invoice would hold, the change's prorations among it.
    func createPreview(_ parameters: Parameters) throws -> JSONValue {
        let id = try parameters.required("subscription")
        let subscription = try get(.subscription, id, param: "subscription")
        guard !Self.isEnded(subscription) else {
            throw StripeError.invalid(
                "No upcoming invoices for customer: the subscription is canceled.",
                code: "invoice_upcoming_none")
        }
        if let customer = parameters.text("customer"), subscription["customer"]?.string != customer
        {
            throw StripeError.invalid(
                "The subscription does not belong to the customer.", param: "customer")
        }
        let details = parameters.scope("subscription_details")
        let change = try subscriptionChange(details, of: subscription)
        let plan = try updatePlan(change, of: subscription)
        var lines = try pendingLines(of: id) + plan.lines
        // Asked to invoice at once, a change that costs nothing (in a trial) has an empty preview.
        let isForNow = plan.invoicesNow || change.prorationBehavior == "always_invoice"
        if !isForNow {
            let endsThere =
                try details.bool("cancel_at_period_end")
                ?? subscription["cancel_at_period_end"]?.bool ?? false
            for item in plan.items where !endsThere {
                var next = item
                next.periodStart = item.periodEnd
                next.periodEnd = item.terms.interval.boundary(
                    after: item.periodEnd,
                    anchor: subscription["billing_cycle_anchor"]?.int ?? item.periodEnd)
                lines.append(.full(next, name: try productName(of: item.price)))
            }
        }
        let start = isForNow ? now : plan.items.first?.periodStart ?? now
        let end = isForNow ? now : plan.periodEnd
        var invoice = try invoiceObject(
            id: newID("upcoming_in"), subscription: subscription, lines: lines,
            reason: "upcoming", period: (start, end), prorationDate: change.prorationDate)
        let total = invoice["total"]?.int ?? 0
        let balance = invoice["starting_balance"]?.int ?? 0
        invoice.set("ending_balance", to: .int(min(total + balance, 0)))
        invoice.set("auto_advance", to: .null)
        return invoice
    }
}
