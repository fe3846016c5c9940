import JSON

/// What the portal's page offers and does.
extension Account {
    /// What the portal page shows: the subscriptions that are not over, newest first.
    func portalSubscriptions(of session: JSONValue) throws -> [JSONValue] {
        try all(.subscription, .customer, is: session["customer"]?.string ?? "")
            .filter { !Self.isEnded($0) }.reversed()
    }

    func configuration(of session: JSONValue) throws -> JSONValue {
        try configuration(session["configuration"]?.string ?? Self.defaultConfiguration)
    }

    /// The prices that can be chosen: those of the configuration's products, or all on sale where
    /// it names none.
    func offers(_ configuration: JSONValue) throws -> [JSONValue] {
        let feature = configuration.at("features", "subscription_update")
        let words = (feature?["default_allowed_updates"]?.array ?? []).compactMap(\.string)
        guard feature?["enabled"]?.bool == true, words.contains("price") else { return [] }
        let onSale = try all(.price, .status, is: "active").filter { $0["type"] == "recurring" }
        guard let products = feature?["products"]?.array, !products.isEmpty else { return onSale }
        let named = products.flatMap { ($0["prices"]?.array ?? []).compactMap(\.string) }
        return onSale.filter { named.contains($0["id"]?.string ?? "") }
    }

    func allows(_ feature: String, _ configuration: JSONValue) -> Bool {
        configuration.at("features", feature, "enabled")?.bool == true
    }

    /// Carries out a button of the portal page, through the same code as the API.
    func usePortal(_ session: JSONValue, _ form: Parameters) throws {
        let configuration = try configuration(of: session)
        let customer = session["customer"]?.string ?? ""
        if form.text("action") == "card" {
            try require("payment_method_update", configuration)
            return try changeCard(form.text("card") ?? "pm_card_visa", of: customer)
        }
        let subscription = try getLive(
            .subscription, try form.required("subscription"), param: "subscription")
        guard subscription["customer"]?.string == customer else {
            throw StripeError.invalid("This subscription belongs to somebody else.")
        }
        authenticates = form.text("authenticate") == "true"
        switch form.text("action") {
        case "cancel":
            try require("subscription_cancel", configuration)
            try cancel(subscription, configuration)
        case "resume":
            try require("subscription_cancel", configuration)
            let hasFlag = subscription["cancel_at_period_end"]?.bool == true
            try update(
                subscription,
                [hasFlag ? (["cancel_at_period_end"], "false") : (["cancel_at"], "")])
        case "upgrade", "switch":
            try require("subscription_update", configuration)
            try change(subscription, to: try form.required("price"), configuration)
        case "confirm": try confirmFlow(of: session, subscription, configuration)
        default: throw StripeError.invalid("Unknown action", param: "action")
        }
    }

    private func require(_ feature: String, _ configuration: JSONValue) throws {
        guard allows(feature, configuration) else {
            throw StripeError.invalid("This portal does not offer that.", param: "action")
        }
    }

    private func update(
        _ subscription: JSONValue, _ entries: [(path: [String], value: String)]
    ) throws {
        let parameters = Parameters(
            entries.map { Parameters.Entry(path: $0.path, value: $0.value) })
        _ = try updateSubscription(subscription["id"]?.string ?? "", parameters)
    }

    /// With flexible billing the portal sets the date on which the last item's period ends and
    /// leaves the flag false (docs.stripe.com/billing/subscriptions/billing-mode/compare).
    private func cancel(_ subscription: JSONValue, _ configuration: JSONValue) throws {
        let feature = configuration.at("features", "subscription_cancel")
        if feature?["mode"] == "immediately" {
            let prorates = feature?["proration_behavior"] == "create_prorations"
            let entries = ["prorate", "invoice_now"].map {
                Parameters.Entry(path: [$0], value: String(prorates))
            }
            _ = try cancelSubscription(
                subscription["id"]?.string ?? "", Parameters(entries))
            return
        }
        let isFlexible = Self.isFlexible(subscription)
        try update(
            subscription,
            [isFlexible ? (["cancel_at"], "max_period_end") : (["cancel_at_period_end"], "true")])
    }

    private func changeCard(_ name: String, of customer: String) throws {
        let method = try attachPaymentMethod(name, to: customer)["id"]?.string ?? ""
        let path = ["invoice_settings", "default_payment_method"]
        _ = try updateCustomer(
            customer, Parameters([Parameters.Entry(path: path, value: method)]))
        for subscription in try all(.subscription, .customer, is: customer)
        where !Self.isEnded(subscription) && subscription["default_payment_method"]?.string != nil {
            try update(subscription, [(["default_payment_method"], method)])
        }
    }

    private func change(
        _ subscription: JSONValue, to id: String, _ configuration: JSONValue
    ) throws {
        let price = try get(.price, id, param: "price")
        let items = SubscriptionItem.all(of: subscription)
        let offered = try offers(configuration)
        guard offered.contains(where: { $0["id"] == price["id"] }) else {
            throw StripeError.invalid("This price is not offered.", param: "price")
        }
        // Of several items, the one of the same product, or the first that is offered.
        let item =
            items.first { $0.terms.product == price["product"]?.string }
            ?? items.first { old in offered.contains { $0["id"] == old.price["id"] } }
            ?? items.first
        guard let item else { return }
        if waits(from: item, to: PriceTerms(price), configuration) {
            return try scheduleChange(of: subscription, item: item, to: id)
        }
        try forgetScheduledChange(of: subscription["id"]?.string ?? "")
        try update(
            subscription,
            [
                (["items", "0", "id"], item.id), (["items", "0", "price"], id),
                (["items", "0", "quantity"], String(item.quantity)),
                (["payment_behavior"], "error_if_incomplete"),
                (["proration_behavior"], proration(from: item, to: price, configuration)),
            ] + trialEntries(subscription, configuration) + anchorEntries(configuration))
    }

    /// As it is from the start the portal charges at once for what costs more, and credits with the
    /// next invoice what costs less. One that was set up does what it was set to.
    private func proration(
        from item: SubscriptionItem, to price: JSONValue, _ configuration: JSONValue
    ) -> String {
        let isUntouched =
            configuration["is_default"]?.bool == true
            && configuration["is_set_by_hand"]?.bool != true
        if isUntouched {
            let costsMore = PriceTerms(price).unitAmount > item.terms.unitAmount
            return costsMore ? "always_invoice" : "create_prorations"
        }
        return configuration.at("features", "subscription_update", "proration_behavior")?.string
            ?? "none"
    }

    private func trialEntries(
        _ subscription: JSONValue, _ configuration: JSONValue
    ) -> [(path: [String], value: String)] {
        let behavior = configuration.at(
            "features", "subscription_update", "trial_update_behavior")
        guard subscription["status"] == "trialing", behavior == "end_trial",
            configuration["is_set_by_hand"]?.bool == true
                || configuration["is_default"]?.bool != true
        else { return [] }
        return [(["trial_end"], "now")]
    }

    private func anchorEntries(
        _ configuration: JSONValue
    ) -> [(path: [String], value: String)] {
        let anchor = configuration.at("features", "subscription_update", "billing_cycle_anchor")
        return anchor == "now" ? [(["billing_cycle_anchor", "type"], "now")] : []
    }

    private func confirmFlow(
        of session: JSONValue, _ subscription: JSONValue, _ configuration: JSONValue
    ) throws {
        let wanted = session.at("flow", "subscription_update_confirm")
        guard wanted?["subscription"] == subscription["id"],
            let price = wanted?["items"]?.array?.first?["price"]?.string
        else { throw StripeError.invalid("There is nothing to confirm.", param: "action") }
        try require("subscription_update", configuration)
        try change(subscription, to: price, configuration)
    }

    // MARK: Changes at the period's end

    /// Only between prices of one product does a portal wait for the period's end
    /// (docs.stripe.com/customer-management/configure-portal).
    private func waits(
        from item: SubscriptionItem, to price: PriceTerms, _ configuration: JSONValue
    ) -> Bool {
        let conditions = configuration.at(
            "features", "subscription_update", "schedule_at_period_end", "conditions")
        let types = (conditions?.array ?? []).compactMap { $0["type"]?.string }
        guard item.terms.product == price.product else { return false }
        let isCheaper = price.unitAmount < item.terms.unitAmount
        let isShorter = price.interval.isShorter(than: item.terms.interval)
        return types.contains("decreasing_item_amount") && isCheaper && !isShorter
            || types.contains("shortening_interval") && isShorter
    }

    private func scheduleChange(
        of subscription: JSONValue, item: SubscriptionItem, to price: String
    ) throws {
        try save([
            "id": .string("change_" + (subscription["id"]?.string ?? "")),
            "object": "sandbox_change", "created": .int(now), "item": .string(item.id),
            "price": .string(price),
        ])
    }

    func forgetScheduledChange(of subscription: String) throws {
        try db.execute(
            sql: "DELETE FROM objects WHERE id = ?", arguments: ["change_" + subscription])
    }

    /// The price that a portal has left for the period which begins now.
    func takeScheduledChange(
        of subscription: String, in items: inout [SubscriptionItem]
    ) throws {
        guard let change = try findAny("change_" + subscription),
            let index = items.firstIndex(where: { $0.id == change["item"]?.string }),
            let price = try find(.price, change["price"]?.string ?? "")
        else { return }
        items[index].price = price
        try forgetScheduledChange(of: subscription)
    }
}
