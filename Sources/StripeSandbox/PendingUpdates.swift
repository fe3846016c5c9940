import JSON

/// `payment_behavior=pending_if_incomplete`: an update that is carried out only when its invoice is
/// paid (docs.stripe.com/billing/subscriptions/pending-updates).
extension Account {
    static let pendingUpdateLifetime: Int64 = 23 * 3_600
    private static let pendingUpdateFields = [
        "expand", "payment_behavior", "proration_behavior", "proration_date",
        "billing_cycle_anchor", "items", "trial_end", "metadata", "cancel_at_period_end",
    ]
    /// What waits with the items.
    private static let heldMembers = [
        "items", "billing_cycle_anchor", "trial_end", "trial_start", "status", "metadata",
        "cancel_at_period_end", "cancel_at", "canceled_at", "cancellation_details",
    ]

    func checkPendingUpdate(_ parameters: Parameters, of subscription: JSONValue) throws {
        for entry in parameters.entries where !Self.pendingUpdateFields.contains(entry.path[0]) {
            throw StripeError.invalid(
                "`\(entry.path[0])` is not supported with "
                    + "`payment_behavior=pending_if_incomplete`.", param: entry.name)
        }
        guard subscription["collection_method"] == "charge_automatically" else {
            throw StripeError.invalid(
                "`pending_if_incomplete` needs `collection_method=charge_automatically`.",
                param: "payment_behavior")
        }
    }

    /// Invoices the update alone: what waited before it stays out. Unless that is paid at once, the
    /// subscription stays as it was and says what waits.
    func carryOutOrHold(
        _ bill: Bill, after old: JSONValue, on subscription: inout JSONValue
    ) throws {
        var before = old
        try dropPendingUpdate(of: &before)
        let wanted = subscription
        var invoice = try draftInvoice(
            of: &before, lines: try discounted(bill.lines, of: old), reason: "subscription_update",
            prorationDate: bill.prorationDate, isBilled: false)
        try save(before)
        try finalize(&invoice)
        var isPaid = invoice["status"] == "paid"
        if !isPaid { isPaid = try collect(&invoice, retries: false) == .paid }
        let held = try hold(wanted, invoice: invoice)
        subscription = before
        guard isPaid else {
            subscription.set("pending_update", to: pendingUpdate(wanted, before: before))
            let id = subscription["id"]?.string ?? ""
            try save(held)
            let expiry = subscription.at("pending_update", "expires_at")?.int ?? now
            return try schedule(.expirePendingUpdate, id, at: expiry)
        }
        try carryOut(held, on: &subscription)
    }

    private func hold(_ wanted: JSONValue, invoice: JSONValue) throws -> JSONValue {
        let members = Self.heldMembers.map { (key: $0, value: wanted[$0] ?? .null) }
        return [
            "id": .string("pending_" + (wanted["id"]?.string ?? "")),
            "object": "sandbox_pending_update", "created": .int(now),
            "invoice": invoice["id"] ?? .null, "after": .object(JSONObject(members)),
        ]
    }

    private func pendingUpdate(_ wanted: JSONValue, before: JSONValue) -> JSONValue {
        let ends = SubscriptionItem.all(of: before).map(\.periodEnd)
        let isTrialing = before["status"] == "trialing"
        let trialEnd = isTrialing ? before["trial_end"]?.int : nil
        let expiry = (ends + [trialEnd].compactMap { $0 }).reduce(
            now + Self.pendingUpdateLifetime, min)
        let changed = { (name: String) -> JSONValue in
            wanted[name] == before[name] ? .null : wanted[name] ?? .null
        }
        return [
            "billing_cycle_anchor": changed("billing_cycle_anchor"), "expires_at": .int(expiry),
            "cancel_at_period_end": changed("cancel_at_period_end"),
            "metadata": changed("metadata"),
            "subscription_items": wanted.at("items", "data") == before.at("items", "data")
                ? .null : wanted.at("items", "data") ?? .null,
            "trial_end": changed("trial_end"), "trial_from_plan": .null,
        ]
    }

    private func held(of subscription: String) throws -> JSONValue? {
        try findAny("pending_" + subscription)
    }

    /// Makes what was held so, and notes what is billed now.
    private func carryOut(_ held: JSONValue, on subscription: inout JSONValue) throws {
        for member in held["after"]?.object?.members ?? [] {
            subscription.set(member.key, to: member.value)
        }
        subscription.set("pending_update", to: .null)
        try noteBilled(linesOf: try get(.invoice, held["invoice"]?.string ?? ""))
    }

    /// Notes what an invoice that waited for its payment bills.
    func noteBilled(linesOf invoice: JSONValue) throws {
        let kept = try subscription(of: invoice).map { try self.kept(of: $0) } ?? Reduction.all
        for line in invoice.at("lines", "data")?.array ?? [] where line["amount"]?.int ?? 0 >= 0 {
            let off = (line["discount_amounts"]?.array ?? []).reduce(0) {
                $0 + ($1["amount"]?.int ?? 0)
            }
            let amount = max(line["amount"]?.int ?? 0, 1)
            let details = line.at("parent", "subscription_item_details")
            try noteBilled(
                item: details?["subscription_item"]?.string ?? "",
                price: line.at("pricing", "price_details", "price")?.string ?? "",
                quantity: line["quantity"]?.int ?? 1, invoice: invoice["id"]?.string,
                line: line["id"]?.string,
                kept: details?["proration"]?.bool == true
                    ? kept : (amount - off) * Reduction.all / amount)
        }
    }

    /// An invoice was paid: the update that waited for it is carried out.
    func applyPendingUpdate(paidBy invoice: JSONValue) throws {
        guard var subscription = try subscription(of: invoice),
            subscription["pending_update"]?.object != nil,
            let id = subscription["id"]?.string, let held = try held(of: id),
            held["invoice"] == invoice["id"]
        else { return }
        let old = subscription
        try carryOut(held, on: &subscription)
        try forget(id)
        try save(subscription)
        try emit("customer.subscription.pending_update_applied", subscription)
        try emit("customer.subscription.updated", subscription, previous: old)
        try splitPhase(of: subscription, changedFrom: old)
        try scheduleBilling(of: subscription)
    }

    func expirePendingUpdate(_ id: String) throws {
        guard var subscription = try find(.subscription, id) else { return }
        try dropPendingUpdate(of: &subscription)
    }

    /// Lets go of an update that was not paid, and voids its invoice.
    func dropPendingUpdate(of subscription: inout JSONValue) throws {
        guard subscription["pending_update"]?.object != nil,
            let id = subscription["id"]?.string, let held = try held(of: id)
        else { return }
        let old = subscription
        subscription.set("pending_update", to: .null)
        try forget(id)
        try save(subscription)
        if var invoice = try find(.invoice, held["invoice"]?.string ?? ""),
            ["open", "uncollectible"].contains(invoice["status"]?.string)
        {
            try void(&invoice)
        }
        try emit("customer.subscription.pending_update_expired", subscription)
        try emit("customer.subscription.updated", subscription, previous: old)
    }

    private func forget(_ subscription: String) throws {
        try unschedule(.expirePendingUpdate, subscription)
        try db.execute(
            sql: "DELETE FROM objects WHERE id = ?", arguments: ["pending_" + subscription])
    }
}
