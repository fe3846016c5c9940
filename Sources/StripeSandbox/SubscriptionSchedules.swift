import JSON

// Subscription schedules: docs.stripe.com/api/subscription_schedules,
// docs.stripe.com/billing/subscriptions/subscription-schedules. Those that are made from a
// subscription, whose phases change at the end of a period.

extension Account {
    static let maximumPhases = 10

    static let scheduleUpdateFields =
        [
            "start_date", "end_date", "trial_end", "proration_behavior", "billing_cycle_anchor",
            "default_payment_method", "description", "metadata*", "duration][interval",
            "duration][interval_count", "discounts][][coupon", "items][][price",
            "items][][quantity",
        ].map { $0.hasSuffix("*") ? "phases[][\($0.dropLast())]*" : "phases[][\($0)]" }
        + ["end_behavior", "proration_behavior", "metadata*", "expand*"]

    /// `from_subscription` makes one phase, the subscription's present period.
    func createSchedule(_ parameters: Parameters) throws -> JSONValue {
        let id = try parameters.required("from_subscription")
        let subscription = try get(.subscription, id, param: "from_subscription")
        if let attached = subscription["schedule"]?.string {
            throw StripeError.invalid(
                "You cannot migrate a subscription that is already attached to a schedule: "
                    + attached, param: "from_subscription")
        }
        guard !Self.isEnded(subscription), subscription["status"] != "incomplete",
            subscription["cancel_at"]?.int == nil
        else {
            throw StripeError.invalid(
                "You cannot create a schedule from a subscription that has ended, is about to "
                    + "end or is incomplete.", param: "from_subscription")
        }
        let items = SubscriptionItem.all(of: subscription)
        let phase = try presentPhase(of: subscription, items)
        let schedule = try JSONValue.shaped(
            Self.scheduleTemplate,
            [
                "id": .string(newID("sub_sched")), "created": .int(now),
                "customer": subscription["customer"] ?? .null, "subscription": .string(id),
                "billing_mode": subscription["billing_mode"] ?? .null,
                "phases": .array([phase]),
                "current_phase": Self.span(of: phase),
                "test_clock": subscription["test_clock"] ?? .null,
            ])
        try save(schedule)
        try emit("subscription_schedule.created", schedule)
        try attach(schedule["id"] ?? .null, to: subscription)
        return schedule
    }

    private func presentPhase(
        of subscription: JSONValue, _ items: [SubscriptionItem]
    ) throws -> JSONValue {
        var phase = try JSONValue.shaped(
            Self.phaseTemplate,
            [
                "currency": subscription["currency"] ?? "usd",
                "start_date": .int(items.map(\.periodStart).min() ?? now),
                "end_date": .int(items.map(\.periodEnd).min() ?? now),
                "items": Self.phaseItems(of: items),
                "default_payment_method": subscription["default_payment_method"] ?? .null,
                "description": subscription["description"] ?? .null,
            ])
        if subscription["status"] == "trialing" {
            phase.set("trial_end", to: subscription["trial_end"] ?? .null)
        }
        let given = try (subscription["discounts"]?.array ?? []).compactMap(\.string)
            .compactMap { try find(.discount, $0)?.at("source", "coupon")?.string }
        phase.set("discounts", to: .array(given.map(Self.phaseDiscount)))
        return phase
    }

    static func phaseItems(of items: [SubscriptionItem]) -> JSONValue {
        .array(items.map { phaseItem(of: $0.price, quantity: $0.quantity) })
    }

    private static func phaseItem(of price: JSONValue, quantity: Int64) -> JSONValue {
        [
            "billing_thresholds": .null, "discounts": [], "metadata": [:],
            "plan": price["id"] ?? .null, "price": price["id"] ?? .null,
            "quantity": .int(quantity), "tax_rates": [],
        ]
    }

    private static func phaseDiscount(_ coupon: String) -> JSONValue {
        ["coupon": .string(coupon), "discount": .null, "promotion_code": .null]
    }

    static func span(of phase: JSONValue) -> JSONValue {
        ["start_date": phase["start_date"] ?? 0, "end_date": phase["end_date"] ?? 0]
    }

    private func attach(_ schedule: JSONValue, to subscription: JSONValue) throws {
        var changed = subscription
        changed.set("schedule", to: schedule)
        try save(changed)
        try emit("customer.subscription.updated", changed, previous: subscription)
    }

    // MARK: Changing

    /// All phases that are not over are named with every setting: what is left out is unset.
    func updateSchedule(_ id: String, _ parameters: Parameters) throws -> JSONValue {
        let old = try get(.subscriptionSchedule, id)
        try requireRunning(old, to: "update")
        var schedule = old
        schedule.set("metadata", to: try parameters.metadata(merging: old["metadata"] ?? [:]))
        if parameters.text("end_behavior") != nil {
            let end = try parameters.choice(
                "end_behavior", of: ["release", "cancel"], default: "release")
            schedule.set("end_behavior", to: .string(end))
        }
        // Of the phase that is running nothing changes here that could be prorated.
        _ = try prorationBehavior(parameters)
        let named = parameters.list("phases")
        if !named.isEmpty { schedule.set("phases", to: .array(try phases(named, of: old))) }
        try save(schedule)
        if schedule != old { try emit("subscription_schedule.updated", schedule, previous: old) }
        return schedule
    }

    private func prorationBehavior(_ parameters: Parameters) throws -> String {
        try parameters.choice(
            "proration_behavior", of: ["create_prorations", "always_invoice", "none"],
            default: "create_prorations")
    }

    private func phases(_ named: [Parameters], of schedule: JSONValue) throws -> [JSONValue] {
        guard named.count <= Self.maximumPhases else {
            throw StripeError.invalid("Too many phases.", param: "phases")
        }
        let current = schedule["current_phase"] ?? .null
        var phases: [JSONValue] = []
        for (place, parameters) in named.enumerated() {
            let name = "phases[\(place)]"
            let start = try start(
                of: parameters, after: phases.last?["end_date"]?.int, current, name)
            let end = try end(of: parameters, from: start, name)
            phases.append(try phase(parameters, from: start, to: end, name))
        }
        let running = try get(.subscription, schedule["subscription"]?.string ?? "")
        let first = phases[0]
        let isKept =
            first["end_date"] == current["end_date"]
            && Self.pairs(of: first["items"]) == Self.pairs(of: running.at("items", "data"))
        guard isKept else {
            throw StripeError.invalid(
                "This sandbox changes phases that are to come, at the end of a period.",
                param: "phases[0]")
        }
        return phases
    }

    /// What a phase or a subscription consists of.
    static func pairs(of items: JSONValue?) -> [String] {
        (items?.array ?? []).map { item in
            let price = item["price"]?.string ?? item.at("price", "id")?.string ?? ""
            return "\(price) \(item["quantity"]?.int ?? 1)"
        }.sorted()
    }

    private func start(
        of phase: Parameters, after end: Int64?, _ current: JSONValue, _ name: String
    ) throws -> Int64 {
        let start = try phase.int("start_date")
        guard let expected = end ?? current["start_date"]?.int else { return start ?? now }
        guard let start else {
            guard end == nil else { return expected }
            throw StripeError.invalid(
                "The first phase must have a start_date.", param: "\(name)[start_date]",
                code: "parameter_missing")
        }
        guard start == expected else {
            throw StripeError.invalid(
                "A phase begins where the one before it ends, and the running one where it began: "
                    + "\(expected).", param: "\(name)[start_date]")
        }
        return start
    }

    private func end(
        of phase: Parameters, from start: Int64, _ name: String
    ) throws -> Int64 {
        let hasDuration = !phase.scope("duration").entries.isEmpty
        if let end = try phase.int("end_date") {
            guard !hasDuration else {
                throw StripeError.invalid(
                    "You may only specify one of these parameters: duration, end_date.",
                    param: "\(name)[end_date]")
            }
            guard end > start else {
                throw StripeError.invalid(
                    "A phase must end after it begins.", param: "\(name)[end_date]")
            }
            return end
        }
        guard hasDuration else {
            throw StripeError.invalid(
                "A phase must have an end_date or a duration.", param: "\(name)[end_date]",
                code: "parameter_missing")
        }
        _ = try phase.required("duration", "interval")
        let word = try phase.choice(
            "duration", "interval", of: ["day", "week", "month", "year"], default: "month")
        let count = try phase.int("duration", "interval_count") ?? 1
        guard (1...36).contains(count), let unit = BillingInterval.Unit(rawValue: word) else {
            throw StripeError.invalid(
                "Invalid duration.", param: "\(name)[duration][interval_count]")
        }
        return BillingInterval(unit: unit, count: count).boundary(after: start, anchor: start)
    }

    private func phase(
        _ parameters: Parameters, from start: Int64, to end: Int64, _ name: String
    ) throws -> JSONValue {
        let items = try parameters.list("items").enumerated().map { place, item in
            let param = "\(name)[items][\(place)]"
            let price = try sellablePrice(
                try item.required("price"), param: "\(param)[price]")
            return (
                price: price,
                quantity: try quantity(item, param: "\(param)[quantity]") ?? 1
            )
        }
        guard let first = items.first else {
            throw StripeError.invalid(
                "A phase must have items.", param: "\(name)[items]", code: "parameter_missing")
        }
        try SubscriptionItem.check(
            items.map(\.price), isFlexible: true, param: "\(name)[items][0][price]")
        var phase = try JSONValue.shaped(
            Self.phaseTemplate,
            [
                "currency": first.price["currency"] ?? "usd", "start_date": .int(start),
                "end_date": .int(end), "metadata": try phaseMetadata(parameters),
                "items": .array(
                    items.map { Self.phaseItem(of: $0.price, quantity: $0.quantity) }),
                "proration_behavior": .string(try prorationBehavior(parameters)),
                "trial_end": .integer(try parameters.int("trial_end")),
                "default_payment_method": .text(parameters.text("default_payment_method")),
                "description": .text(parameters.text("description")),
            ])
        if parameters.text("billing_cycle_anchor") != nil {
            let anchor = try parameters.choice(
                "billing_cycle_anchor", of: ["automatic", "phase_start"], default: "automatic")
            phase.set("billing_cycle_anchor", to: .string(anchor))
        }
        let coupons = try parameters.list("discounts").enumerated().map { place, element in
            let coupon = try element.required("coupon")
            _ = try getLive(.coupon, coupon, param: "\(name)[discounts][\(place)][coupon]")
            return coupon
        }
        phase.set("discounts", to: .array(coupons.map(Self.phaseDiscount)))
        return phase
    }

    /// An empty value stays: it unsets a key of the subscription once the phase begins.
    private func phaseMetadata(_ parameters: Parameters) throws -> JSONValue {
        var metadata = try parameters.metadata()
        for entry in parameters.scope("metadata").entries where entry.value.isEmpty {
            if let key = entry.path.first { metadata.set(key, to: "") }
        }
        return metadata
    }

    private static let phaseTemplate = """
        {"add_invoice_items":[],"application_fee_percent":null,"automatic_tax":null,
        "billing_cycle_anchor":null,"billing_thresholds":null,"collection_method":null,
        "currency":"usd","default_payment_method":null,"default_tax_rates":[],
        "description":null,"discounts":[],"end_date":0,"invoice_settings":null,"items":[],
        "metadata":{},"on_behalf_of":null,"proration_behavior":"create_prorations",
        "start_date":0,"transfer_data":null,"trial":null,"trial_end":null}
        """

    private static let scheduleTemplate = """
        {"id":null,"object":"subscription_schedule","application":null,"billing_mode":null,
        "canceled_at":null,"completed_at":null,"created":0,"current_phase":null,"customer":null,
        "customer_account":null,"default_settings":{"application_fee_percent":null,
        "automatic_tax":{"disabled_reason":null,"enabled":false,"liability":null},
        "billing_cycle_anchor":"automatic","billing_thresholds":null,
        "collection_method":"charge_automatically","default_payment_method":null,
        "description":null,"invoice_settings":{"account_tax_ids":null,"custom_fields":null,
        "days_until_due":null,"description":null,"footer":null,"issuer":{"type":"self"}},
        "on_behalf_of":null,"transfer_data":null},"end_behavior":"release","livemode":false,
        "metadata":{},"pause_schedules":[],"phases":[],"released_at":null,
        "released_subscription":null,"status":"active","subscription":null,"test_clock":null}
        """
}
