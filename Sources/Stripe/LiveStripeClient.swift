import Foundation
import HTTPClient

/// Where Stripe answers; a sandbox stands in for it elsewhere.
public let stripeAPIBase = "https://api.stripe.com"

extension StripeClient {
    /// The client that talks to Stripe, or to what stands in for it at `apiBase`.
    ///
    /// - Throws: where the key is none, or a live one that would leave without TLS.
    public static func live(
        secretKey: String, apiBase: String = stripeAPIBase, http: HTTPClient,
        retryPolicy: StripeRetryPolicy = StripeRetryPolicy()
    ) throws(StripeSetupError) -> StripeClient {
        try live(secretKey: secretKey, apiBase: apiBase, retryPolicy: retryPolicy) {
            (request) async throws(HTTPClientError) in try await http.send(request)
        }
    }

    package static func live(
        secretKey: String, apiBase: String, retryPolicy: StripeRetryPolicy,
        send: @escaping StripeAPI.Send
    ) throws(StripeSetupError) -> StripeClient {
        guard let mode = StripeMode(secretKey: secretKey) else { throw .notASecretKey }
        if mode == .live && !apiBase.lowercased().hasPrefix("https://") {
            throw .liveKeyWithoutTLS
        }
        let base = apiBase.hasSuffix("/") ? String(apiBase.dropLast()) : apiBase
        let api = StripeAPI(
            base: base, secretKey: secretKey, mode: mode, retryPolicy: retryPolicy, send: send)
        var client = StripeClient.unimplemented
        client.connectCustomers(api)
        client.connectCatalog(api)
        client.connectCheckout(api)
        client.connectSubscriptions(api)
        client.connectEndings(api)
        client.connectSchedules(api)
        client.connectInvoices(api)
        client.connectOwnInvoices(api)
        client.connectSetup(api)
        return client
    }

    private mutating func connectCustomers(_ api: StripeAPI) {
        createCustomer = { new, key throws(StripeError) in
            var form = StripeForm()
            form.add("email", new.email)
            form.add("metadata", [new.holderKey: new.userID])
            return try await api.customer(.post(["customers"], form, key))
        }
        setCustomerEmail = { id, email, key throws(StripeError) in
            var form = StripeForm()
            form.add("email", email)
            return try await api.customer(.post(["customers", id], form, key))
        }
        listCustomers = { email throws(StripeError) in
            var filter = StripeForm()
            filter.add("email", email)
            return try await api.list(
                ["customers"], filter, StripeCustomer.init, id: { $0.id },
                livemode: { $0.livemode })
        }
        retrieveCustomer = { id throws(StripeError) in
            try await api.customer(.get(["customers", id]))
        }
        retrieveCard = { id throws(StripeError) in
            try await api.object(.get(["payment_methods", id]), StripeCard.init) { $0.livemode }
        }
        listCards = { customerID throws(StripeError) in
            var filter = StripeForm()
            filter.add("customer", customerID)
            filter.add("type", "card")
            return try await api.list(
                ["payment_methods"], filter, StripeCard.init, id: { $0.id },
                livemode: { $0.livemode })
        }
        deleteCustomer = { id throws(StripeError) in
            try await api.customer(StripeCall(method: .delete, path: ["customers", id]))
        }
    }

    private mutating func connectSubscriptions(_ api: StripeAPI) {
        retrieveSubscription = { id throws(StripeError) in
            var query = StripeForm()
            query.add("expand[0]", "latest_invoice")
            return try await api.subscription(.get(["subscriptions", id], query))
        }
        listDiscounts = { id throws(StripeError) in
            var query = StripeForm()
            query.add("expand[0]", "discounts.source.coupon")
            return try await api.object(
                .get(["subscriptions", id], query), StripeDiscount.all, livemode: { _ in nil })
        }
        listSubscriptions = { customerID throws(StripeError) in
            var filter = StripeForm()
            filter.add("customer", customerID)
            filter.add("status", "all")
            return try await api.list(
                ["subscriptions"], filter, StripeSubscription.init, id: { $0.id },
                livemode: { $0.livemode })
        }
        updateSubscriptionPrice = { change, key throws(StripeError) in
            try await api.subscription(
                .post(["subscriptions", change.subscriptionID], change.updateForm, key))
        }
        previewUpgrade = { change throws(StripeError) in
            try await api.invoice(.post(["invoices", "create_preview"], change.previewForm))
        }
        previewNextInvoice = { next throws(StripeError) in
            try await api.invoice(.post(["invoices", "create_preview"], next.form))
        }
    }

    private mutating func connectInvoices(_ api: StripeAPI) {
        retrieveInvoice = { id throws(StripeError) in
            try await api.invoice(.get(["invoices", id]))
        }
        listInvoices = { subscriptionID throws(StripeError) in
            var filter = StripeForm()
            filter.add("subscription", subscriptionID)
            var invoices = try await api.list(
                ["invoices"], filter, StripeInvoice.init, id: { $0.id },
                livemode: { $0.livemode })
            // An invoice comes with its first lines only.
            for index in invoices.indices where invoices[index].hasMoreLines {
                invoices[index].lines = try await api.list(
                    ["invoices", invoices[index].id, "lines"], StripeForm(),
                    StripeInvoice.Line.init, id: { $0.id }, livemode: { _ in nil })
                invoices[index].hasMoreLines = false
            }
            return invoices
        }
        listPendingItems = { customerID throws(StripeError) in
            var filter = StripeForm()
            filter.add("customer", customerID)
            filter.add("pending", true)
            return try await api.list(
                ["invoiceitems"], filter, StripeInvoiceItem.init, id: { $0.line.id },
                livemode: { $0.livemode })
        }
        voidInvoice = { id throws(StripeError) in
            try await api.invoice(.post(["invoices", id, "void"], StripeForm()))
        }
        connectPayments(api)
    }

    private mutating func connectPayments(_ api: StripeAPI) {
        listInvoicePayments = { filter throws(StripeError) in
            try await api.list(
                ["invoice_payments"], filter.form, StripeInvoicePayment.init, id: { $0.id },
                livemode: { $0.livemode })
        }
        listCharges = { paymentIntentID throws(StripeError) in
            try await api.list(
                ["charges"], StripeForm(paymentIntent: paymentIntentID), StripeCharge.init,
                id: { $0.id }, livemode: { $0.livemode })
        }
        retrieveCharge = { id throws(StripeError) in
            try await api.object(.get(["charges", id]), StripeCharge.init) { $0.livemode }
        }
        listDisputes = { paymentIntentID throws(StripeError) in
            try await api.list(
                ["disputes"], StripeForm(paymentIntent: paymentIntentID), StripeDispute.init,
                id: { $0.id }, livemode: { $0.livemode })
        }
        listRefunds = { paymentIntentID throws(StripeError) in
            try await api.list(
                ["refunds"], StripeForm(paymentIntent: paymentIntentID), StripeRefund.init,
                id: { $0.id }, livemode: { _ in nil })
        }
        createRefund = { paymentIntentID, amount, key throws(StripeError) in
            var form = StripeForm(paymentIntent: paymentIntentID)
            if let amount { form.add("amount", String(amount)) }
            return try await api.object(.post(["refunds"], form, key), StripeRefund.init) { _ in
                nil
            }
        }
        retrieveEvent = { id throws(StripeError) in
            try await api.object(.get(["events", id]), StripeEvent.init) { $0.livemode }
        }
    }
}

extension StripeCall {
    static func get(_ path: [String], _ query: StripeForm = StripeForm()) -> Self {
        StripeCall(method: .get, path: path, form: query)
    }

    /// A POST without a key of the caller's does no harm when it is done twice; a key of its own
    /// still makes its retries one.
    static func post(
        _ path: [String], _ form: StripeForm, _ idempotencyKey: String = UUID().uuidString
    ) -> Self {
        StripeCall(method: .post, path: path, form: form, idempotencyKey: idempotencyKey)
    }
}

extension StripeAPI {
    fileprivate func customer(_ call: StripeCall) async throws(StripeError) -> StripeCustomer {
        try await object(call, StripeCustomer.init) { $0.livemode }
    }

    func subscription(
        _ call: StripeCall
    ) async throws(StripeError) -> StripeSubscription {
        try await object(call, StripeSubscription.init) { $0.livemode }
    }

    func invoice(_ call: StripeCall) async throws(StripeError) -> StripeInvoice {
        try await object(call, StripeInvoice.init) { $0.livemode }
    }
}

extension StripePriceChange {
    fileprivate var updateForm: StripeForm {
        var form = StripeForm()
        addItems(to: &form, "items")
        form.add("proration_behavior", "always_invoice")
        form.add("payment_behavior", "pending_if_incomplete")
        form.add("proration_date", prorationDate)
        if startsCycle { form.add("billing_cycle_anchor[type]", "now") }
        return form
    }

    fileprivate var previewForm: StripeForm {
        var form = StripeForm()
        form.add("customer", customerID)
        form.add("subscription", subscriptionID)
        addItems(to: &form, "subscription_details[items]")
        form.add("subscription_details[proration_behavior]", "always_invoice")
        form.add("subscription_details[proration_date]", prorationDate)
        if startsCycle { form.add("subscription_details[billing_cycle_anchor][type]", "now") }
        return form
    }

    private func addItems(to form: inout StripeForm, _ name: String) {
        for (place, item) in items.enumerated() {
            form.add("\(name)[\(place)][id]", item.id)
            form.add("\(name)[\(place)][price]", item.priceID)
            form.add("\(name)[\(place)][quantity]", item.quantity)
        }
    }
}

extension StripeForm {
    fileprivate init(paymentIntent id: String) {
        self.init()
        add("payment_intent", id)
    }
}

extension StripePaymentFilter {
    fileprivate var form: StripeForm {
        var form = StripeForm()
        switch self {
        case .invoice(let id):
            form.add("invoice", id)
            form.add("expand[0]", "data.payment.payment_intent")
        case .paymentIntent(let id):
            form.add("payment[type]", "payment_intent")
            form.add("payment[payment_intent]", id)
        }
        return form
    }
}
