import JSON

/// `POST /v1/invoices/create_preview`: the invoice that a change would lead to
/// (docs.stripe.com/api/invoices/create_preview).
extension Account {
    static let previewFields =
        ["id", "price", "quantity", "deleted"].map { "subscription_details[items][][\($0)]" } + [
            "customer", "subscription", "schedule", "discounts", "discounts[][coupon]",
            "subscription_details[proration_behavior]",
            "subscription_details[proration_date]", "subscription_details[trial_end]",
            "subscription_details[billing_cycle_anchor][type]",
            "subscription_details[billing_cycle_anchor]",
            "subscription_details[cancel_at_period_end]", "subscription_details[cancel_at]",
            "expand*",
        ]

    /// With `always_invoice` it is what would be charged now; otherwise what the next period's
    /// invoice would hold, the change's prorations among it. Nothing that leads to it stays: a
    /// preview makes, takes and redeems no discount and tells of none.
    func createPreview(_ parameters: Parameters) throws -> JSONValue {
        let discounts = parameters.strings("expand").filter { $0.contains("discount") }
        var preview = JSONValue.null
        try db.inSavepoint {
            // The discounts are gone when the rest is expanded.
            preview = try expand(try foretold(parameters), paths: discounts)
            return .rollback
        }
        return preview
    }

    private func foretold(_ parameters: Parameters) throws -> JSONValue {
        let schedule = try scheduleOfPreview(parameters)
        let id = try schedule?["subscription"]?.string ?? parameters.required("subscription")
        var subscription = try get(.subscription, id, param: "subscription")
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
        try checkProrationDate(details)
        let change = try subscriptionChange(details, of: subscription)
        let plan = try updatePlan(change, of: subscription)
        var lines = try pendingLines(of: id) + plan.lines
        var items = plan.items
        subscription.set("items", to: SubscriptionItem.list(items, of: id))
        if let cancellation = try cancellation(details, items: items) {
            lines += try apply(
                cancellation, to: &subscription, prorates: change.prorationBehavior != "none")
            items = SubscriptionItem.all(of: subscription)
        }
        // Asked to invoice at once, a change that costs nothing (in a trial) has an empty preview.
        let isForNow = plan.invoicesNow || change.prorationBehavior == "always_invoice"
        if let discounts = try discounts(
            parameters, customer: subscription["customer"]?.string ?? "",
            currency: subscription["currency"]?.string ?? "usd")
        {
            for discount in discounts { try save(discount) }
            subscription.set("discounts", to: .array(discounts.compactMap { $0["id"] }))
        }
        if let schedule { try follow(schedule, in: &subscription, &items) }
        if !isForNow {
            lines += try nextLines(of: items, in: subscription)
            try dropDiscounts(endedBy: items.map(\.periodEnd).min() ?? now, of: &subscription)
        }
        lines = try discounted(lines, of: subscription)
        let start = isForNow ? now : items.first?.periodStart ?? now
        let end = isForNow ? now : items.map(\.periodEnd).min() ?? now
        var invoice = try invoiceObject(
            id: newID("upcoming_in"), subscription: subscription, lines: lines,
            reason: "upcoming", period: (start, end), prorationDate: change.prorationDate)
        let sum = (invoice["total"]?.int ?? 0) + (invoice["starting_balance"]?.int ?? 0)
        // Below the minimum charge nothing is charged, as when it is finalized.
        let due = Currencies.due(of: sum, invoice["currency"]?.string ?? "usd")
        invoice.set("amount_due", to: .int(due))
        invoice.set("amount_remaining", to: .int(due))
        invoice.set("ending_balance", to: .int(sum - due))
        invoice.set("auto_advance", to: .null)
        return invoice
    }

    /// What a schedule leads to is asked for by its id, in place of its subscription's.
    private func scheduleOfPreview(_ parameters: Parameters) throws -> JSONValue? {
        guard let id = parameters.text("schedule") else { return nil }
        guard parameters.text("subscription") == nil else {
            throw StripeError.invalid(
                "You may only specify one of these parameters: schedule, subscription.",
                param: "schedule")
        }
        return try get(.subscriptionSchedule, id, param: "schedule")
    }

    /// The phase that begins where the running one ends.
    private func follow(
        _ schedule: JSONValue, in subscription: inout JSONValue, _ items: inout [SubscriptionItem]
    ) throws {
        let end = schedule.at("current_phase", "end_date")?.int
        let next = schedule["phases"]?.array?.first { $0["start_date"]?.int == end }
        guard let next, let end else { return }
        try apply(next, at: end, to: &subscription, &items)
    }

    /// What has ended by the next period gives nothing off its invoice.
    private func dropDiscounts(endedBy instant: Int64, of subscription: inout JSONValue) throws {
        let left = try (subscription["discounts"]?.array ?? []).filter { id in
            let discount = try id.string.flatMap { try findAny($0) }
            return discount?["end"]?.int ?? .max > instant
        }
        subscription.set("discounts", to: .array(left))
    }

    private func checkProrationDate(_ details: Parameters) throws {
        guard try details.int("proration_date") != nil else { return }
        let param = "subscription_details[proration_date]"
        guard details.text("proration_behavior") != "none" else {
            throw StripeError.invalid(
                "You cannot set `proration_date` if `proration_behavior` is `none`.",
                param: param)
        }
        guard !details.list("items").isEmpty || details.text("trial_end") != nil else {
            throw StripeError.invalid(
                "`proration_date` can only be given with `items` or `trial_end`.", param: param)
        }
    }

    /// What the next invoice holds beside prorations: nothing of a subscription that ends before.
    private func nextLines(
        of items: [SubscriptionItem], in subscription: JSONValue
    ) throws -> [InvoiceLine] {
        let boundary = items.map(\.periodEnd).min() ?? now
        if subscription["cancel_at_period_end"]?.bool == true { return [] }
        if let date = subscription["cancel_at"]?.int, date <= boundary { return [] }
        return try items.filter { $0.periodEnd == boundary }.map { item in
            var next = item
            next.periodStart = boundary
            next.periodEnd = item.terms.interval.boundary(
                after: boundary, anchor: subscription["billing_cycle_anchor"]?.int ?? boundary)
            return .full(next, name: try productName(of: item.price))
        }
    }
}
