import JSON

/// How a subscription ends (https://docs.stripe.com/billing/subscriptions/cancel).
extension StripeClient {
    mutating func connectEndings(_ api: StripeAPI) {
        setCancelAtPeriodEnd = { id, isCanceled, key throws(StripeError) in
            var form = StripeForm()
            form.add("cancel_at_period_end", isCanceled)
            return try await api.subscription(.post(["subscriptions", id], form, key))
        }
        clearCancelAt = { id, key throws(StripeError) in
            var form = StripeForm()
            form.add("cancel_at", "")
            return try await api.subscription(.post(["subscriptions", id], form, key))
        }
        releaseSchedule = { id, key throws(StripeError) in
            try await api.object(
                .post(["subscription_schedules", id, "release"], StripeForm(), key),
                StripeSubscriptionSchedule.init
            ) { $0.livemode }
        }
        cancelSubscription = { id throws(StripeError) in
            var query = StripeForm()
            query.add("invoice_now", false)
            query.add("prorate", false)
            return try await api.subscription(
                StripeCall(method: .delete, path: ["subscriptions", id], form: query))
        }
    }
}

/// https://docs.stripe.com/api/subscription_schedules/object
public struct StripeSubscriptionSchedule: Sendable, Equatable {
    public let id: String
    public let livemode: Bool

    public init(_ value: JSONValue) throws(StripeDecodingError) {
        let wire = try WireObject(value, type: "subscription_schedule")
        id = try wire.string("id")
        livemode = try wire.bool("livemode")
    }
}
