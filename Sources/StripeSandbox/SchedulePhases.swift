import JSON

// How a schedule goes on and ends: its phases as periods end, release, cancel.

extension Account {
    func requireRunning(_ schedule: JSONValue, to verb: String) throws {
        let status = schedule["status"]?.string ?? ""
        guard ["active", "not_started"].contains(status) else {
            throw StripeError.invalid(
                "You cannot \(verb) a subscription schedule that is currently in the `\(status)` "
                    + "status. It must be in one of the following statuses: `not_started`, "
                    + "`active`.")
        }
    }

    /// The end of a subscription is the schedule's affair while one is attached.
    func refuseIfScheduled(_ subscription: JSONValue, _ parameters: Parameters) throws {
        guard let schedule = subscription["schedule"]?.string else { return }
        for name in ["cancel_at_period_end", "cancel_at"] where parameters.sent(name) != nil {
            throw StripeError.invalid(
                "The subscription is managed by the subscription schedule `\(schedule)`, and "
                    + "updating any cancelation behavior directly is not allowed. Please update "
                    + "the schedule instead.", param: name)
        }
    }

    /// Detaches the schedule; the subscription goes on as it is.
    func releaseSchedule(_ id: String, _ parameters: Parameters) throws -> JSONValue {
        let schedule = try get(.subscriptionSchedule, id)
        try requireRunning(schedule, to: "release")
        _ = try parameters.bool("preserve_cancel_date")
        let subscription = try get(.subscription, schedule["subscription"]?.string ?? "")
        let released = try release(schedule)
        var detached = subscription
        detached.set("schedule", to: .null)
        try save(detached)
        try emit("customer.subscription.updated", detached, previous: subscription)
        return released
    }

    private func release(_ schedule: JSONValue) throws -> JSONValue {
        var released = schedule
        released.set("status", to: "released")
        released.set("released_at", to: .int(now))
        released.set("released_subscription", to: schedule["subscription"] ?? .null)
        released.set("subscription", to: .null)
        released.set("current_phase", to: .null)
        try save(released)
        try emit("subscription_schedule.released", released, previous: schedule)
        return released
    }

    /// Ends the subscription too, at once.
    func cancelSchedule(_ id: String, _ parameters: Parameters) throws -> JSONValue {
        let schedule = try get(.subscriptionSchedule, id)
        try requireRunning(schedule, to: "cancel")
        let flags = try ["invoice_now", "prorate"].map { name in
            let value = try parameters.bool(name) ?? true
            return Parameters.Entry(path: [name], value: value ? "true" : "false")
        }
        _ = try cancelSubscription(schedule["subscription"]?.string ?? "", Parameters(flags))
        return try get(.subscriptionSchedule, id)
    }

    /// A subscription that ends takes its schedule with it.
    func endSchedule(of subscription: inout JSONValue) throws {
        guard let id = subscription["schedule"]?.string else { return }
        subscription.set("schedule", to: .null)
        let schedule = try get(.subscriptionSchedule, id)
        guard schedule["status"] == "active" else { return }
        var canceled = schedule
        canceled.set("status", to: "canceled")
        canceled.set("canceled_at", to: .int(now))
        canceled.set("current_phase", to: .null)
        try save(canceled)
        try emit("subscription_schedule.canceled", canceled, previous: schedule)
    }

    /// Whether the subscription ends with its schedule's last phase, which is over.
    func endsWithSchedule(_ subscription: JSONValue) throws -> Bool {
        guard let id = subscription["schedule"]?.string else { return false }
        let schedule = try get(.subscriptionSchedule, id)
        let last = schedule["phases"]?.array?.last?["end_date"]?.int
        return schedule["end_behavior"] == "cancel" && last.map { $0 <= now } ?? false
    }

    /// Begins the next phase if the running one is over, and lets go of the subscription after the
    /// last. What the phase does not name is unset.
    func takeNextPhase(
        of subscription: inout JSONValue, in items: inout [SubscriptionItem]
    ) throws {
        guard let id = subscription["schedule"]?.string else { return }
        let old = try get(.subscriptionSchedule, id)
        guard let end = old.at("current_phase", "end_date")?.int, end <= now else { return }
        let phases = old["phases"]?.array ?? []
        guard let next = phases.first(where: { $0["start_date"]?.int == end }) else {
            subscription.set("schedule", to: .null)
            _ = try release(old)
            return
        }
        var schedule = old
        schedule.set(
            "current_phase",
            to: ["start_date": next["start_date"] ?? 0, "end_date": next["end_date"] ?? 0])
        try save(schedule)
        try emit("subscription_schedule.updated", schedule, previous: old)
        try dropPendingUpdate(of: &subscription)
        try apply(next, at: end, to: &subscription, &items)
    }

    func apply(
        _ phase: JSONValue, at start: Int64, to subscription: inout JSONValue,
        _ items: inout [SubscriptionItem]
    ) throws {
        items = try self.items(of: phase, at: start, after: items)
        if phase["billing_cycle_anchor"] == "phase_start" {
            subscription.set("billing_cycle_anchor", to: .int(start))
        }
        subscription.set(
            "default_payment_method", to: phase["default_payment_method"] ?? .null)
        subscription.set("description", to: phase["description"] ?? .null)
        // An empty value unsets a key.
        for (key, value) in phase["metadata"]?.object?.members ?? [] {
            if value.string?.isEmpty == true {
                var metadata = subscription["metadata"]?.object ?? [:]
                metadata[key] = nil
                subscription.set("metadata", to: .object(metadata))
            } else {
                subscription.set("metadata", key, to: value)
            }
        }
        try giveDiscounts(of: phase, to: &subscription)
    }

    /// A price keeps its item in whatever order the phase names it; another price takes the first
    /// item whose price the phase does not name.
    private func items(
        of phase: JSONValue, at start: Int64, after old: [SubscriptionItem]
    ) throws -> [SubscriptionItem] {
        let wanted = phase["items"]?.array ?? []
        let named = Set(wanted.compactMap { $0["price"]?.string })
        var replaced = old.filter { !named.contains($0.price["id"]?.string ?? "") }
        return try wanted.map { wanted in
            let id = wanted["price"]?.string ?? ""
            let (price, quantity) = (try get(.price, id), wanted["quantity"]?.int ?? 1)
            let kept = old.first { $0.price["id"]?.string == id }
            guard var item = kept ?? (replaced.isEmpty ? nil : replaced.removeFirst()) else {
                return SubscriptionItem(
                    id: newID("si"), price: price, quantity: quantity, periodStart: start,
                    periodEnd: start, created: now)
            }
            (item.price, item.quantity, item.periodEnd) = (price, quantity, start)
            return item
        }
    }

    /// A change of items beside a schedule ends the running phase and begins one with what the
    /// subscription has now, until the phase that follows.
    func splitPhase(of subscription: JSONValue, changedFrom old: JSONValue) throws {
        guard let id = subscription["schedule"]?.string,
            Self.pairs(of: subscription.at("items", "data"))
                != Self.pairs(of: old.at("items", "data"))
        else { return }
        let before = try get(.subscriptionSchedule, id)
        var phases = before["phases"]?.array ?? []
        let start = before.at("current_phase", "start_date")
        guard let place = phases.firstIndex(where: { $0["start_date"] == start }) else { return }
        var running = phases[place]
        running.set("items", to: Self.phaseItems(of: SubscriptionItem.all(of: subscription)))
        if start?.int == now {
            phases[place] = running
        } else {
            running.set("start_date", to: .int(now))
            phases[place].set("end_date", to: .int(now))
            phases.insert(running, at: place + 1)
        }
        var schedule = before
        schedule.set("phases", to: .array(phases))
        schedule.set("current_phase", to: Self.span(of: running))
        try save(schedule)
        try emit("subscription_schedule.updated", schedule, previous: before)
    }

    /// A coupon that the subscription has already goes on as it was given.
    private func giveDiscounts(
        of phase: JSONValue, to subscription: inout JSONValue
    ) throws {
        let wanted = (phase["discounts"]?.array ?? []).compactMap { $0["coupon"]?.string }
        let known = try (subscription["discounts"]?.array ?? []).compactMap(\.string)
            .compactMap { try find(.discount, $0)?.at("source", "coupon")?.string }
        guard wanted.sorted() != known.sorted() else { return }
        let customer = subscription["customer"]?.string ?? ""
        let discounts = try wanted.map { coupon in
            discount(of: try get(.coupon, coupon), customer: customer)
        }
        try give(discounts, to: &subscription)
    }
}
