extension Route {
    static let payments: [Route] = intents + refunds + disputes

    private static let intents: [Route] = [
        Route("POST", "/v1/payment_intents", Account.paymentIntentFields) { a, _, p in
            try a.createPaymentIntent(p)
        },
        Route("GET", "/v1/payment_intents/*") { a, id, _ in try a.get(.paymentIntent, id) },
        Route("GET", "/v1/payment_intents", Page.dated + ["customer"]) { a, _, p in
            try a.page(
                .paymentIntent, p, url: "/v1/payment_intents",
                where: [(.customer, p.text("customer"))])
        },
        Route(
            "POST", "/v1/payment_intents/*/confirm", ["payment_method", "off_session", "expand*"]
        ) { a, id, p in try a.confirmPaymentIntent(id, p) },
        Route("GET", "/v1/charges/*") { a, id, _ in try a.get(.charge, id) },
        Route("GET", "/v1/charges", Page.dated + ["customer", "payment_intent"]) { a, _, p in
            try a.page(
                .charge, p, url: "/v1/charges",
                where: [
                    (.customer, p.text("customer")), (.parent, p.text("payment_intent")),
                ])
        },
    ]

    private static let refunds: [Route] = [
        Route("POST", "/v1/refunds", Account.refundFields) { a, _, p in try a.createRefund(p) },
        Route("GET", "/v1/refunds", Page.dated + ["charge", "payment_intent"]) { a, _, p in
            try a.listRefunds(p)
        },
        Route("GET", "/v1/refunds/*") { a, id, _ in try a.get(.refund, id) },
        Route("POST", "/v1/refunds/*", ["metadata*", "expand*"]) { a, id, p in
            try a.updateRefund(id, p)
        },
        Route("POST", "/v1/refunds/*/cancel") { a, id, _ in try a.cancelRefund(id) },
    ]

    private static let disputes: [Route] = [
        Route("GET", "/v1/disputes", Page.dated + ["charge", "payment_intent"]) { a, _, p in
            try a.listDisputes(p)
        },
        Route("GET", "/v1/disputes/*") { a, id, _ in try a.get(.dispute, id) },
        Route("POST", "/v1/disputes/*", Account.disputeUpdateFields) { a, id, p in
            try a.updateDispute(id, p)
        },
        Route("POST", "/v1/disputes/*/close") { a, id, _ in try a.closeDispute(id) },
    ]
}
