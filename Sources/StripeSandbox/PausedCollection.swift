import JSON

/// `pause_collection`: invoices are made, but not collected. The status stays as it is
/// (docs.stripe.com/billing/subscriptions/pause-payment).
extension Account {
    func setPausedCollection(
        _ parameters: Parameters, of subscription: inout JSONValue
    ) throws {
        let id = subscription["id"]?.string ?? ""
        if parameters.sent("pause_collection") == "" {
            subscription.set("pause_collection", to: .null)
            return try unschedule(.resumeCollection, id)
        }
        let pause = parameters.scope("pause_collection")
        guard !pause.entries.isEmpty else { return }
        _ = try parameters.required("pause_collection", "behavior")
        let behavior = try parameters.choice(
            "pause_collection", "behavior", of: ["keep_as_draft", "mark_uncollectible", "void"],
            default: "")
        let end = try pause.int("resumes_at")
        guard end ?? .max > now else {
            throw StripeError.invalid(
                "Invalid timestamp: must be in the future.", param: "pause_collection[resumes_at]")
        }
        subscription.set(
            "pause_collection", to: ["behavior": .string(behavior), "resumes_at": .integer(end)])
        try unschedule(.resumeCollection, id)
        if let end { try schedule(.resumeCollection, id, at: end) }
    }

    /// The sandbox charges cards; it sends no invoices to be paid by hand.
    func checkCollection(_ parameters: Parameters) throws {
        _ = try parameters.choice(
            "collection_method", of: ["charge_automatically"], default: "charge_automatically")
    }

    func resumeCollection(_ id: String) throws {
        guard let old = try find(.subscription, id), old["pause_collection"]?.object != nil else {
            return
        }
        var subscription = old
        subscription.set("pause_collection", to: .null)
        try save(subscription)
        try emit("customer.subscription.updated", subscription, previous: old)
    }

    /// Whether an invoice that is due is given up because collecting is paused.
    func givesUpAsPaused(_ invoice: inout JSONValue) throws -> Bool {
        let behavior = try subscription(of: invoice)?.at("pause_collection", "behavior")?.string
        switch behavior {
        case "mark_uncollectible": try markUncollectible(&invoice)
        case "void": try void(&invoice)
        default: return false
        }
        return true
    }
}
