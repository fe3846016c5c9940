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
        cancelSubscription = { id throws(StripeError) in
            var query = StripeForm()
            query.add("invoice_now", false)
            query.add("prorate", false)
            return try await api.subscription(
                StripeCall(method: .delete, path: ["subscriptions", id], form: query))
        }
    }
}
