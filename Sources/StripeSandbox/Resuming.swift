import JSON

/// `POST /v1/subscriptions/{id}/resume`: only for a paused one, and no way to undo
/// `cancel_at_period_end`. A new period begins and is charged; until its invoice is paid the
/// subscription stays paused (docs.stripe.com/billing/subscriptions/pause).
extension Account {
    static let resumptionLifetime: Int64 = 23 * 3_600
    private static let resumedMembers = [
        "status", "status_details", "billing_cycle_anchor", "items",
    ]

    func resumeSubscription(_ id: String, _ parameters: Parameters) throws -> JSONValue {
        let old = try get(.subscription, id)
        _ = try parameters.choice(
            "billing_cycle_anchor", "type", of: ["now"], default: "now")
        guard old["status"] == "paused" else {
            throw StripeError.invalid(
                "You cannot resume this subscription because it is not paused.")
        }
        try forgetResumption(of: id)
        var change = SubscriptionChange(prorationDate: now)
        change.resetsAnchor = true
        change.prorationBehavior = "none"
        let plan = try updatePlan(change, of: old)
        var resumed = old
        resumed.set("status", to: "active")
        resumed.set("status_details", to: .null)
        resumed.set("billing_cycle_anchor", to: .int(now))
        resumed.set("items", to: SubscriptionItem.list(plan.items, of: id))
        var waiting = old
        var invoice = try draftInvoice(
            of: &waiting, lines: try discounted(plan.lines, of: old),
            reason: "subscription_cycle", isBilled: false)
        try save(waiting)
        let members = Self.resumedMembers.map { (key: $0, value: resumed[$0] ?? .null) }
        try save([
            "id": .string("resume_" + id), "object": "sandbox_resumption", "created": .int(now),
            "invoice": invoice["id"] ?? .null, "after": .object(JSONObject(members)),
        ])
        try schedule(.expireResumption, id, at: now + Self.resumptionLifetime)
        try finalize(&invoice)
        if invoice["status"] != "paid" { _ = try collect(&invoice, retries: false) }
        return try get(.subscription, id)
    }

    /// The invoice of a resumption was paid: the subscription is active from when it was asked for.
    func finishResuming(paidBy invoice: JSONValue) throws {
        guard let old = try subscription(of: invoice), old["status"] == "paused",
            let id = old["id"]?.string, let waiting = try findAny("resume_" + id),
            waiting["invoice"] == invoice["id"]
        else { return }
        var subscription = old
        for member in waiting["after"]?.object?.members ?? [] {
            subscription.set(member.key, to: member.value)
        }
        try noteBilled(linesOf: invoice)
        try forgetResumption(of: id)
        try save(subscription)
        try scheduleBilling(of: subscription)
        try emit("customer.subscription.resumed", subscription, previous: old)
        try emit("customer.subscription.updated", subscription, previous: old)
    }

    /// Nobody paid in time: the invoice is voided and the subscription stays paused.
    func expireResumption(_ id: String) throws {
        guard let waiting = try findAny("resume_" + id) else { return }
        try forgetResumption(of: id)
        guard var invoice = try find(.invoice, waiting["invoice"]?.string ?? ""),
            invoice["status"] == "open"
        else { return }
        try void(&invoice)
    }

    private func forgetResumption(of id: String) throws {
        try unschedule(.expireResumption, id)
        try db.execute(sql: "DELETE FROM objects WHERE id = ?", arguments: ["resume_" + id])
    }
}
