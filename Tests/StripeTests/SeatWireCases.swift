import Stripe

/// Changes of subscriptions of several items, with quantities.
extension WireCase {
    /// A base's item changes, and an item of seats is added.
    static let seatChange = StripePriceChange(
        customerID: "cus_1", subscriptionID: "sub_1",
        items: [
            StripePriceChange.Item(id: "si_1", priceID: "price_2", quantity: 1),
            StripePriceChange.Item(id: nil, priceID: "price_3", quantity: 5),
        ], prorationDate: 1_700_000_000)

    static let seats = [
        WireCase(
            "POST /v1/customers/cus_1", "email=bills%40example.test", answer: Fixture.customer
        ) { client throws(StripeError) in
            _ = try await client.setCustomerEmail("cus_1", "bills@example.test", "k")
        },
        WireCase(
            "POST /v1/subscriptions/sub_1",
            "items[0][id]=si_1&items[0][price]=price_2&items[0][quantity]=1"
                + "&items[1][price]=price_3&items[1][quantity]=5"
                + "&proration_behavior=always_invoice"
                + "&payment_behavior=pending_if_incomplete&proration_date=1700000000",
            answer: Fixture.subscription
        ) { client throws(StripeError) in
            _ = try await client.updateSubscriptionPrice(seatChange, "k")
        },
        WireCase(
            "POST /v1/invoices/create_preview",
            "customer=cus_1&subscription=sub_1&subscription_details[items][0][id]=si_1"
                + "&subscription_details[items][0][price]=price_2"
                + "&subscription_details[items][0][quantity]=1"
                + "&subscription_details[items][1][price]=price_3"
                + "&subscription_details[items][1][quantity]=5"
                + "&subscription_details[proration_behavior]=always_invoice"
                + "&subscription_details[proration_date]=1700000000",
            answer: Fixture.invoice
        ) { client throws(StripeError) in _ = try await client.previewUpgrade(seatChange) },
    ]
}
