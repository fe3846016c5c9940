import JSON

/// Canceling and ending (docs.stripe.com/billing/subscriptions/cancel).
extension Account {
    /// `DELETE /v1/subscriptions/{id}`: ends it at once, without a refund. `prorate` credits the
    /// unused time, `invoice_now` bills what is waiting.
    func cancelSubscription(_ id: String, _ parameters: Parameters) throws -> JSONValue {
        var subscription = try get(.subscription, id)
        guard !Self.isEnded(subscription) else { throw StripeError.missing(.subscription, id) }
        try applyCancellationDetails(parameters, to: &subscription)
        let prorates = try parameters.bool("prorate") == true
        if prorates, subscription["status"] != "trialing" {
            try creditUnusedTime(of: subscription)
        }
        let invoicesNow = try parameters.bool("invoice_now") == true
        if !prorates, !invoicesNow { try removePendingProrations(of: id) }
        if invoicesNow {
            let lines = try pendingLines(of: id)
            if !lines.isEmpty {
                var invoice = try draftInvoice(
                    of: &subscription, lines: lines, reason: "manual", prorationDate: now)
                try save(subscription)
                try finalize(&invoice)
                if invoice["status"] != "paid" { _ = try collect(&invoice, retries: false) }
            }
        }
        return try end(subscription, reason: "cancellation_requested")
    }

    /// Prorations that waited for the next invoice go with the subscription.
    private func removePendingProrations(of id: String) throws {
        for item in try all(.invoiceitem, .parent, is: id)
        where item["invoice"]?.string == nil && item["proration"]?.bool == true {
            try db.execute(
                sql: "DELETE FROM objects WHERE id = ?", arguments: [item["id"]?.string])
            try emit("invoiceitem.deleted", item)
        }
    }

    private func creditUnusedTime(of subscription: JSONValue) throws {
        let items = SubscriptionItem.all(of: subscription)
        let billed = try billedItems(of: items)
        var lines: [InvoiceLine] = []
        for item in items {
            var old = item
            old.price = billed[item.id]?.price ?? item.price
            old.quantity = billed[item.id]?.quantity ?? item.quantity
            var line = InvoiceLine.full(old, name: "")
            let anchor = subscription["billing_cycle_anchor"]?.int ?? item.periodStart
            line.amount = -Reduction.share(
                billed[item.id]?.kept ?? Reduction.all, of: old.amount(from: now, anchor: anchor))
            let name = try productName(of: old.price)
            line.description = "Unused time on \(name) after \(CalendarDates.spoken(now))"
            line.start = now
            line.isProration = true
            line.isBilling = false
            line.credited = billed[item.id]
            lines.append(line)
        }
        try addInvoiceItems(
            for: &lines, customer: subscription["customer"] ?? .null,
            subscription: subscription["id"]?.string ?? "")
    }

    /// Ends a subscription for good. What is still open of its invoices is no longer collected.
    @discardableResult
    func end(
        _ subscription: JSONValue, reason: String, status: String = "canceled"
    ) throws -> JSONValue {
        var ended = subscription
        let id = subscription["id"]?.string ?? ""
        try dropPendingUpdate(of: &ended)
        try endSchedule(of: &ended)
        ended.set("status", to: .string(status))
        ended.set("ended_at", to: .int(now))
        if ended["canceled_at"]?.int == nil { ended.set("canceled_at", to: .int(now)) }
        if ended.at("cancellation_details", "reason")?.string == nil {
            ended.set("cancellation_details", "reason", to: .string(reason))
        }
        try save(ended)
        try unscheduleAll(of: id)
        for var invoice in try all(.invoice, .parent, is: id)
        where invoice["status"] == "draft" || invoice["status"] == "open" {
            invoice.set("auto_advance", to: false)
            invoice.set("next_payment_attempt", to: .null)
            try save(invoice)
            try unscheduleAll(of: invoice["id"]?.string ?? "")
        }
        if status == "incomplete_expired" {
            try emit("customer.subscription.updated", ended, previous: subscription)
        } else {
            try emit("customer.subscription.deleted", ended)
        }
        return ended
    }

    /// Nobody paid the first invoice within 23 hours.
    func expireIncomplete(_ id: String) throws {
        guard let subscription = try find(.subscription, id),
            subscription["status"] == "incomplete"
        else { return }
        for var invoice in try all(.invoice, .parent, is: id) where invoice["status"] == "open" {
            try void(&invoice)
        }
        try end(subscription, reason: "payment_failed", status: "incomplete_expired")
    }
}
