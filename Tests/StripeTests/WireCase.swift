import HTTPClient
import Stripe
import Testing

/// One call and what the official Python library 16.1.0 sends for it, byte by byte.
struct WireCase: Sendable, CustomTestStringConvertible {
    let line: String
    let body: String
    let answer: String
    let call: @Sendable (StripeClient) async throws(StripeError) -> Void

    var testDescription: String { line }

    init(
        _ line: String, _ body: String = "", answer: String,
        _ call: @escaping @Sendable (StripeClient) async throws(StripeError) -> Void
    ) {
        self.line = line
        self.body = body
        self.answer = answer
        self.call = call
    }

    static let session = NewStripeCheckoutSession(
        customerID: "cus_1", priceID: "price_1", clientReferenceID: "42",
        successURL: "http://127.0.0.1/s?cs={CHECKOUT_SESSION_ID}&a=b c",
        cancelURL: "http://127.0.0.1/c", trialDays: 7, metadata: ["user_id": "42"],
        expiresAt: 1_767_312_000)

    static let change = StripePriceChange(
        customerID: "cus_1", subscriptionID: "sub_1", itemID: "si_1", priceID: "price_2",
        prorationDate: 1_700_000_000)

    static let schedulePlan = StripeSchedulePlan(
        phases: Fixture.phases, metadata: ["cuebx_from_plan": "p"])

    static let all = customers + catalog + checkout + subscriptions + invoices + seats

    static let customers = [
        WireCase(
            "POST /v1/customers", "email=ada%2B1%40example.test&metadata[user_id]=42",
            answer: Fixture.customer
        ) { client throws(StripeError) in
            let new = NewStripeCustomer(userID: "42", email: "ada+1@example.test")
            _ = try await client.createCustomer(new, "k")
        },
        WireCase("POST /v1/customers", "metadata[user_id]=42", answer: Fixture.customer) {
            client throws(StripeError) in
            // A user of another identity provider may have no email; an empty one would be refused.
            _ = try await client.createCustomer(NewStripeCustomer(userID: "42", email: nil), "k")
        },
        WireCase(
            "GET /v1/customers?email=ada%2B1%40example.test&limit=100",
            answer: Fixture.list([Fixture.customer])
        ) { client throws(StripeError) in
            _ = try await client.listCustomers("ada+1@example.test")
        },
        WireCase("GET /v1/customers/cus_1", answer: Fixture.customer) {
            client throws(StripeError) in _ = try await client.retrieveCustomer("cus_1")
        },
        WireCase("GET /v1/payment_methods/pm_1", answer: Fixture.card) {
            client throws(StripeError) in _ = try await client.retrieveCard("pm_1")
        },
        WireCase("DELETE /v1/customers/cus_1", answer: Fixture.customer) {
            client throws(StripeError) in _ = try await client.deleteCustomer("cus_1")
        },
        WireCase(
            "POST /v1/billing_portal/sessions",
            "customer=cus_1&return_url=http%3A%2F%2F127.0.0.1%2Faccount",
            answer: Fixture.portal
        ) { client throws(StripeError) in
            _ = try await client.createPortalSession(
                NewStripePortalSession(
                    customerID: "cus_1", returnURL: "http://127.0.0.1/account"))
        },
        WireCase(
            "POST /v1/billing_portal/sessions",
            "customer=cus_1&return_url=http%3A%2F%2F127.0.0.1%2Faccount&configuration=bpc_1",
            answer: Fixture.portal
        ) { client throws(StripeError) in
            _ = try await client.createPortalSession(
                NewStripePortalSession(
                    customerID: "cus_1", returnURL: "http://127.0.0.1/account",
                    configurationID: "bpc_1"))
        },
    ]

    static let catalog = [
        WireCase(
            "GET /v1/prices?lookup_keys%5B0%5D=career_plus_monthly&active=true&limit=100",
            answer: Fixture.list([Fixture.price])
        ) { client throws(StripeError) in
            _ = try await client.findPrice("career_plus_monthly")
        },
        WireCase("GET /v1/prices/price_1", answer: Fixture.price) {
            client throws(StripeError) in _ = try await client.retrievePrice("price_1")
        },
        WireCase(
            "GET /v1/prices?product=prod_1&limit=100", answer: Fixture.list([Fixture.price])
        ) { client throws(StripeError) in
            _ = try await client.listPrices(.product("prod_1"))
        },
        WireCase(
            "GET /v1/prices?lookup_keys%5B0%5D=career_plus_monthly&limit=100",
            answer: Fixture.list([Fixture.price])
        ) { client throws(StripeError) in
            _ = try await client.listPrices(.lookupKey("career_plus_monthly"))
        },
        WireCase("GET /v1/products/prod_1", answer: Fixture.product) {
            client throws(StripeError) in _ = try await client.retrieveProduct("prod_1")
        },
        WireCase(
            "POST /v1/products", "name=Plus+%26+more&metadata[cuebx_plan_id]=7",
            answer: Fixture.product
        ) { client throws(StripeError) in
            _ = try await client.createProduct(
                NewStripeProduct(name: "Plus & more", metadata: ["cuebx_plan_id": "7"]), "k")
        },
        WireCase("POST /v1/prices/price_1", "metadata[cuebx_plan_id]=7", answer: Fixture.price) {
            client throws(StripeError) in
            _ = try await client.markPrice("price_1", ["cuebx_plan_id": "7"], "k")
        },
        WireCase(
            "POST /v1/prices",
            "product=prod_1&currency=usd&unit_amount=2000&recurring[interval]=month"
                + "&lookup_key=career_plus_monthly&transfer_lookup_key=true"
                + "&metadata[cuebx_plan_id]=7",
            answer: Fixture.price
        ) { client throws(StripeError) in
            let new = NewStripePrice(
                productID: "prod_1", lookupKey: "career_plus_monthly", unitAmount: 2000,
                currency: "usd", metadata: ["cuebx_plan_id": "7"])
            _ = try await client.createPrice(new, "k")
        },
        WireCase(
            "POST /v1/prices",
            "product=prod_1&currency=usd&unit_amount=500&lookup_key=career_pack_100"
                + "&transfer_lookup_key=true",
            answer: Fixture.price
        ) { client throws(StripeError) in
            let new = NewStripePrice(
                productID: "prod_1", lookupKey: "career_pack_100", unitAmount: 500,
                currency: "usd", interval: nil)
            _ = try await client.createPrice(new, "k")
        },
    ]

    static let checkout = [
        WireCase(
            "POST /v1/checkout/sessions",
            "mode=subscription&customer=cus_1&client_reference_id=42"
                + "&line_items[0][price]=price_1&line_items[0][quantity]=1"
                + "&success_url=http%3A%2F%2F127.0.0.1%2Fs%3Fcs%3D%7BCHECKOUT_SESSION_ID%7D"
                + "%26a%3Db+c&cancel_url=http%3A%2F%2F127.0.0.1%2Fc&expires_at=1767312000"
                + "&metadata[user_id]=42&subscription_data[trial_period_days]=7"
                + "&subscription_data[metadata][user_id]=42",
            answer: Fixture.session
        ) { client throws(StripeError) in
            _ = try await client.createCheckoutSession(session, "k")
        },
        WireCase("GET /v1/checkout/sessions/cs_1", answer: Fixture.session) {
            client throws(StripeError) in _ = try await client.retrieveCheckoutSession("cs_1")
        },
        WireCase(
            "GET /v1/checkout/sessions?customer=cus_1&status=open&limit=100",
            answer: Fixture.list([Fixture.session])
        ) { client throws(StripeError) in
            _ = try await client.listOpenCheckoutSessions("cus_1")
        },
        WireCase(
            "GET /v1/checkout/sessions?status=complete&created%5Bgte%5D=1767225600&limit=100",
            answer: Fixture.list([Fixture.session])
        ) { client throws(StripeError) in
            _ = try await client.listCompleteCheckoutSessions(1_767_225_600)
        },
        WireCase("POST /v1/checkout/sessions/cs_1/expire", answer: Fixture.session) {
            client throws(StripeError) in _ = try await client.expireCheckoutSession("cs_1")
        },
    ]

    static let subscriptions = [
        WireCase(
            "GET /v1/subscriptions/sub_1?expand%5B0%5D=latest_invoice",
            answer: Fixture.subscription
        ) { client throws(StripeError) in _ = try await client.retrieveSubscription("sub_1") },
        WireCase(
            "GET /v1/subscriptions/sub_1?expand%5B0%5D=discounts.source.coupon",
            answer: Fixture.discounted
        ) { client throws(StripeError) in
            let discounts = try await client.listDiscounts("sub_1")
            #expect(discounts.map(\.name) == ["A quarter off", "c_2"])
            #expect(discounts.map(\.endsAt) == [1_769_817_600, nil])
        },
        WireCase(
            "GET /v1/subscriptions?customer=cus_1&status=all&limit=100",
            answer: Fixture.list([Fixture.subscription])
        ) { client throws(StripeError) in _ = try await client.listSubscriptions("cus_1") },
        WireCase(
            "POST /v1/subscriptions/sub_1",
            "items[0][id]=si_1&items[0][price]=price_2&proration_behavior=always_invoice"
                + "&payment_behavior=pending_if_incomplete&proration_date=1700000000",
            answer: Fixture.subscription
        ) { client throws(StripeError) in
            _ = try await client.updateSubscriptionPrice(change, "k")
        },
        WireCase(
            "POST /v1/subscriptions/sub_1", "cancel_at_period_end=true",
            answer: Fixture.subscription
        ) { client throws(StripeError) in
            _ = try await client.setCancelAtPeriodEnd("sub_1", true, "k")
        },
        WireCase("POST /v1/subscriptions/sub_1", "cancel_at=", answer: Fixture.subscription) {
            client throws(StripeError) in _ = try await client.clearCancelAt("sub_1", "k")
        },
        WireCase(
            "POST /v1/subscription_schedules/sub_sched_1/release", answer: Fixture.schedule
        ) { client throws(StripeError) in
            _ = try await client.releaseSchedule("sub_sched_1", "k")
        },
        WireCase("GET /v1/subscription_schedules/sub_sched_1", answer: Fixture.schedule) {
            client throws(StripeError) in _ = try await client.retrieveSchedule("sub_sched_1")
        },
        WireCase(
            "POST /v1/subscription_schedules", "from_subscription=sub_1", answer: Fixture.schedule
        ) { client throws(StripeError) in _ = try await client.createSchedule("sub_1", "k") },
        WireCase(
            "POST /v1/subscription_schedules/sub_sched_1",
            "end_behavior=release&proration_behavior=none&metadata[cuebx_from_plan]=p"
                + "&phases[0][items][0][price]=price_1&phases[0][items][0][quantity]=1"
                + "&phases[0][start_date]=1767225600&phases[0][end_date]=1769817600"
                + "&phases[0][trial_end]=1769817600&phases[0][proration_behavior]=none"
                + "&phases[0][default_payment_method]=pm_1&phases[0][metadata][a]=1"
                + "&phases[0][discounts][0][coupon]=c_1&phases[1][items][0][price]=price_2"
                + "&phases[1][start_date]=1769817600&phases[1][duration][interval]=month"
                + "&phases[1][duration][interval_count]=1&phases[1][proration_behavior]=none",
            answer: Fixture.runningSchedule
        ) { client throws(StripeError) in
            _ = try await client.updateSchedule("sub_sched_1", schedulePlan, "k")
        },
        WireCase(
            "DELETE /v1/subscriptions/sub_1?invoice_now=false&prorate=false",
            answer: Fixture.subscription
        ) { client throws(StripeError) in _ = try await client.cancelSubscription("sub_1") },
    ]

    static let invoices = [
        WireCase(
            "POST /v1/invoices/create_preview",
            "customer=cus_1&subscription=sub_1&subscription_details[items][0][id]=si_1"
                + "&subscription_details[items][0][price]=price_2"
                + "&subscription_details[proration_behavior]=always_invoice"
                + "&subscription_details[proration_date]=1700000000",
            answer: Fixture.invoice
        ) { client throws(StripeError) in _ = try await client.previewUpgrade(change) },
        WireCase(
            "POST /v1/invoices/create_preview", "subscription=sub_1", answer: Fixture.invoice
        ) { client throws(StripeError) in
            _ = try await client.previewNextInvoice(.subscription("sub_1"))
        },
        WireCase(
            "POST /v1/invoices/create_preview", "schedule=sub_sched_1", answer: Fixture.invoice
        ) { client throws(StripeError) in
            _ = try await client.previewNextInvoice(.schedule("sub_sched_1"))
        },
        WireCase("GET /v1/invoices/in_1", answer: Fixture.invoice) {
            client throws(StripeError) in _ = try await client.retrieveInvoice("in_1")
        },
        WireCase(
            "GET /v1/invoices?subscription=sub_1&limit=100",
            answer: Fixture.list([Fixture.invoice])
        ) { client throws(StripeError) in _ = try await client.listInvoices("sub_1") },
        WireCase(
            "GET /v1/invoice_payments?payment%5Btype%5D=payment_intent"
                + "&payment%5Bpayment_intent%5D=pi_1&limit=100",
            answer: Fixture.list([Fixture.payment])
        ) { client throws(StripeError) in
            _ = try await client.listInvoicePayments(.paymentIntent("pi_1"))
        },
        WireCase(
            "GET /v1/invoice_payments?invoice=in_1"
                + "&expand%5B0%5D=data.payment.payment_intent&limit=100",
            answer: Fixture.list([Fixture.payment])
        ) { client throws(StripeError) in
            _ = try await client.listInvoicePayments(.invoice("in_1"))
        },
        WireCase("POST /v1/refunds", "payment_intent=pi_1&amount=500", answer: Fixture.refund) {
            client throws(StripeError) in _ = try await client.createRefund("pi_1", 500, "k")
        },
        WireCase("POST /v1/refunds", "payment_intent=pi_1", answer: Fixture.refund) {
            client throws(StripeError) in _ = try await client.createRefund("pi_1", nil, "k")
        },
        WireCase("GET /v1/events/evt_1", answer: Fixture.event) {
            client throws(StripeError) in _ = try await client.retrieveEvent("evt_1")
        },
    ]
}
