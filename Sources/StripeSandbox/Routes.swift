import JSON

/// One endpoint: its method, its path (`*` stands for an id) and the parameters that it knows.
struct Route: Sendable {
    typealias Action = @Sendable (Account, String, Parameters) throws -> JSONValue
    let method: String
    let path: [Substring]
    let parameters: [String]
    let action: Action

    init(
        _ method: String, _ path: String, _ parameters: [String] = ["expand*"],
        _ action: @escaping Action
    ) {
        self.method = method
        self.path = path.split(separator: "/")
        self.parameters = parameters
        self.action = action
    }

    /// What the route takes, for tests that walk every parameter.
    var description: JSONValue {
        [
            "method": .string(method), "path": .string("/" + path.joined(separator: "/")),
            "parameters": .array(parameters.map { .string($0) }),
        ]
    }

    /// The id in a path that matches: an empty one where the path has none.
    func match(_ method: String, _ path: [Substring]) -> String? {
        guard method == self.method, path.count == self.path.count else { return nil }
        var id = ""
        for (expected, actual) in zip(self.path, path) {
            if expected == "*" {
                id = String(actual)
            } else if expected != actual {
                return nil
            }
        }
        return id
    }

    static let all =
        catalog + coupons + customers + subscriptions + schedules + invoices + payments + checkout
        + portal + events + clocks

    private static let catalog: [Route] = [
        Route("POST", "/v1/products", Account.newProductFields) { a, _, p in
            try a.createProduct(p)
        },
        Route("GET", "/v1/products", Page.dated + ["active"]) { a, _, p in
            try a.listProducts(p)
        },
        Route("GET", "/v1/products/*") { a, id, _ in try a.get(.product, id) },
        Route("POST", "/v1/products/*", Account.productFields) { a, id, p in
            try a.updateProduct(id, p)
        },
        Route("POST", "/v1/prices", Account.priceFields) { a, _, p in try a.createPrice(p) },
        Route("GET", "/v1/prices", Page.dated + ["active", "product", "lookup_keys[]"]) {
            a, _, p in try a.listPrices(p)
        },
        Route("GET", "/v1/prices/*") { a, id, _ in try a.get(.price, id) },
        Route("POST", "/v1/prices/*", Account.priceUpdateFields) { a, id, p in
            try a.updatePrice(id, p)
        },
    ]

    private static let coupons: [Route] = [
        Route("POST", "/v1/coupons", Account.couponFields) { a, _, p in try a.createCoupon(p) },
        Route("GET", "/v1/coupons", Page.dated) { a, _, p in
            try a.page(.coupon, p, url: "/v1/coupons")
        },
        Route("GET", "/v1/coupons/*") { a, id, _ in try a.getLive(.coupon, id) },
        Route("POST", "/v1/coupons/*", ["name", "metadata*", "expand*"]) { a, id, p in
            try a.updateCoupon(id, p)
        },
        Route("DELETE", "/v1/coupons/*", []) { a, id, _ in try a.deleteCoupon(id) },
    ]

    private static let customers: [Route] = [
        Route("POST", "/v1/customers", Account.newCustomerFields) { a, _, p in
            try a.createCustomer(p)
        },
        Route("GET", "/v1/customers", Page.dated + ["email", "test_clock"]) { a, _, p in
            try a.listCustomers(p)
        },
        Route("GET", "/v1/customers/*") { a, id, _ in try a.get(.customer, id) },
        Route("POST", "/v1/customers/*", Account.customerFields) { a, id, p in
            try a.updateCustomer(id, p)
        },
        Route("DELETE", "/v1/customers/*", []) { a, id, _ in try a.deleteCustomer(id) },
        Route("GET", "/v1/payment_methods", Page.parameters + ["customer", "type"]) { a, _, p in
            try a.listPaymentMethods(p)
        },
        Route("GET", "/v1/payment_methods/*") { a, id, _ in try a.get(.paymentMethod, id) },
        Route("POST", "/v1/payment_methods/*/attach", ["customer", "expand*"]) { a, id, p in
            try a.attachPaymentMethod(id, to: try p.required("customer"))
        },
        Route("POST", "/v1/payment_methods/*/detach") { a, id, _ in
            try a.detachPaymentMethod(id)
        },
    ]

    private static let subscriptions: [Route] = [
        Route("POST", "/v1/subscriptions", Account.newSubscriptionFields) { a, _, p in
            try a.createSubscription(p)
        },
        Route(
            "GET", "/v1/subscriptions", Page.dated + ["customer", "status", "price", "test_clock"]
        ) {
            a, _, p in try a.listSubscriptions(p)
        },
        Route("GET", "/v1/subscriptions/*") { a, id, _ in try a.retrieveSubscription(id) },
        Route("POST", "/v1/subscriptions/*", Account.subscriptionUpdateFields) { a, id, p in
            try a.updateSubscription(id, p)
        },
        Route(
            "DELETE", "/v1/subscriptions/*",
            [
                "invoice_now", "prorate", "cancellation_details[comment]",
                "cancellation_details[feedback]", "expand*",
            ]
        ) { a, id, p in try a.cancelSubscription(id, p) },
        Route(
            "POST", "/v1/subscriptions/*/resume", ["billing_cycle_anchor[type]", "expand*"]
        ) { a, id, p in try a.resumeSubscription(id, p) },
    ]

    private static let schedules: [Route] = [
        Route(
            "POST", "/v1/subscription_schedules", ["from_subscription", "expand*"]
        ) { a, _, p in try a.createSchedule(p) },
        Route("GET", "/v1/subscription_schedules", Page.dated + ["customer"]) { a, _, p in
            try a.page(
                .subscriptionSchedule, p, url: "/v1/subscription_schedules",
                where: [(.customer, p.text("customer"))])
        },
        Route("GET", "/v1/subscription_schedules/*") { a, id, _ in
            try a.get(.subscriptionSchedule, id)
        },
        Route(
            "POST", "/v1/subscription_schedules/*", Account.scheduleUpdateFields
        ) { a, id, p in try a.updateSchedule(id, p) },
        Route(
            "POST", "/v1/subscription_schedules/*/release", ["preserve_cancel_date", "expand*"]
        ) { a, id, p in try a.releaseSchedule(id, p) },
        Route(
            "POST", "/v1/subscription_schedules/*/cancel", ["invoice_now", "prorate", "expand*"]
        ) { a, id, p in try a.cancelSchedule(id, p) },
    ]

    private static let invoices: [Route] = [
        Route("GET", "/v1/invoices", Page.dated + ["customer", "subscription", "status"]) {
            a, _, p in try a.listInvoices(p)
        },
        Route("POST", "/v1/invoices", Account.newInvoiceFields) { a, _, p in
            try a.createInvoice(p)
        },
        Route("POST", "/v1/invoiceitems", Account.newInvoiceItemFields) { a, _, p in
            try a.createInvoiceItem(p)
        },
        Route("POST", "/v1/invoices/create_preview", Account.previewFields) { a, _, p in
            try a.createPreview(p)
        },
        Route(
            "GET", "/v1/invoiceitems", Page.dated + ["customer", "invoice", "pending"]
        ) { a, _, p in try a.listInvoiceItems(p) },
        Route("GET", "/v1/invoiceitems/*") { a, id, _ in try a.get(.invoiceitem, id) },
        Route("GET", "/v1/invoices/*") { a, id, _ in try a.retrieveInvoice(id) },
        Route("POST", "/v1/invoices/*", Account.invoiceUpdateFields) { a, id, p in
            try a.updateInvoice(id, p)
        },
        Route("DELETE", "/v1/invoices/*", []) { a, id, _ in try a.deleteInvoice(id) },
        Route("POST", "/v1/invoices/*/finalize", ["auto_advance", "expand*"]) { a, id, p in
            try a.finalizeInvoice(id, p)
        },
        Route("POST", "/v1/invoices/*/void") { a, id, _ in try a.voidInvoice(id) },
        Route("POST", "/v1/invoices/*/mark_uncollectible") { a, id, _ in
            try a.markUncollectible(id)
        },
        Route("GET", "/v1/invoices/*/lines", Page.parameters) { a, id, p in
            try a.listInvoiceLines(id, p)
        },
        Route(
            "POST", "/v1/invoices/*/pay",
            ["payment_method", "paid_out_of_band", "off_session", "expand*"]
        ) { a, id, p in try a.payInvoice(id, p) },
        Route(
            "GET", "/v1/invoice_payments",
            Page.dated + ["invoice", "status", "payment[type]", "payment[payment_intent]"]
        ) { a, _, p in try a.listInvoicePayments(p) },
        Route("GET", "/v1/invoice_payments/*") { a, id, _ in try a.get(.invoicePayment, id) },
    ]

    private static let checkout: [Route] = [
        Route("POST", "/v1/checkout/sessions", Account.sessionFields) { a, _, p in
            try a.createSession(p)
        },
        Route(
            "GET", "/v1/checkout/sessions",
            Page.dated + ["customer", "subscription", "status", "payment_intent"]
        ) { a, _, p in try a.listSessions(p) },
        Route("GET", "/v1/checkout/sessions/*") { a, id, _ in try a.get(.checkoutSession, id) },
        Route("GET", "/v1/checkout/sessions/*/line_items", Page.parameters) { a, id, p in
            let items = try a.lineItems(ofSession: id)
            return try a.slice(
                items["data"]?.array ?? [], p, url: "/v1/checkout/sessions/\(id)/line_items")
        },
        Route("POST", "/v1/checkout/sessions/*/expire") { a, id, _ in try a.expireSession(id) },
    ]

    private static let portal: [Route] = [
        Route("POST", "/v1/billing_portal/sessions", Account.portalFields) { a, _, p in
            try a.createPortalSession(p)
        },
        Route(
            "POST", "/v1/billing_portal/configurations", Account.configurationFields
        ) { a, _, p in try a.createConfiguration(p) },
        Route(
            "GET", "/v1/billing_portal/configurations",
            Page.parameters + ["active", "is_default"]
        ) { a, _, p in try a.listConfigurations(p) },
        Route("GET", "/v1/billing_portal/configurations/*") { a, id, _ in
            a.withoutMark(try a.configuration(id))
        },
        Route(
            "POST", "/v1/billing_portal/configurations/*",
            Account.configurationFields + ["active"]
        ) { a, id, p in try a.updateConfiguration(id, p) },
    ]

    private static let events: [Route] = [
        Route("GET", "/v1/events", Page.dated + ["type", "types[]"]) { a, _, p in
            try a.listEvents(p)
        },
        Route("GET", "/v1/events/*") { a, id, _ in try a.retrieveEvent(id) },
        Route("POST", "/v1/webhook_endpoints", Account.newEndpointFields) { a, _, p in
            try a.createEndpoint(p)
        },
        Route("POST", "/v1/webhook_endpoints/*", Account.endpointUpdateFields) { a, id, p in
            try a.updateEndpoint(id, p)
        },
        Route("GET", "/v1/webhook_endpoints", Page.parameters) { a, _, p in
            try a.listEndpoints(p)
        },
        Route("GET", "/v1/webhook_endpoints/*") { a, id, _ in try a.retrieveEndpoint(id) },
        Route("DELETE", "/v1/webhook_endpoints/*", []) { a, id, _ in try a.deleteEndpoint(id) },
    ]

    private static let clocks: [Route] = [
        Route(
            "POST", "/v1/test_helpers/test_clocks", ["frozen_time", "name", "customer", "expand*"]
        ) { a, _, p in try a.createTestClock(p) },
        Route("GET", "/v1/test_helpers/test_clocks", Page.parameters) { a, _, p in
            try a.page(.testClock, p, url: "/v1/test_helpers/test_clocks")
        },
        Route("GET", "/v1/test_helpers/test_clocks/*") { a, id, _ in try a.get(.testClock, id) },
        Route(
            "POST", "/v1/test_helpers/test_clocks/*/advance", ["frozen_time", "expand*"]
        ) { a, id, p in try a.advanceTestClock(id, p) },
        Route("DELETE", "/v1/test_helpers/test_clocks/*", []) { a, id, _ in
            try a.deleteTestClock(id)
        },
    ]
}
