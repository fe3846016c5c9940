extension StripeClient {
    /// A client whose every call fails with `invalidRequest(code: "unimplemented")`; a test
    /// replaces the closures that it expects to be called.
    public static let unimplemented = StripeClient(
        createCustomer: { _, _ throws(StripeError) in throw .unimplemented },
        listCustomers: { _ throws(StripeError) in throw .unimplemented },
        retrieveCustomer: { _ throws(StripeError) in throw .unimplemented },
        deleteCustomer: { _ throws(StripeError) in throw .unimplemented },
        retrieveCard: { _ throws(StripeError) in throw .unimplemented },
        findPrice: { _ throws(StripeError) in throw .unimplemented },
        retrievePrice: { _ throws(StripeError) in throw .unimplemented },
        listPrices: { _ throws(StripeError) in throw .unimplemented },
        retrieveProduct: { _ throws(StripeError) in throw .unimplemented },
        createProduct: { _, _ throws(StripeError) in throw .unimplemented },
        createPrice: { _, _ throws(StripeError) in throw .unimplemented },
        markPrice: { _, _, _ throws(StripeError) in throw .unimplemented },
        createCheckoutSession: { _, _ throws(StripeError) in throw .unimplemented },
        createPaymentSession: { _, _ throws(StripeError) in throw .unimplemented },
        retrieveCheckoutSession: { _ throws(StripeError) in throw .unimplemented },
        listSessionsOfPayment: { _ throws(StripeError) in throw .unimplemented },
        listCheckoutSessions: { _ throws(StripeError) in throw .unimplemented },
        listOpenCheckoutSessions: { _ throws(StripeError) in throw .unimplemented },
        expireCheckoutSession: { _ throws(StripeError) in throw .unimplemented },
        retrieveSubscription: { _ throws(StripeError) in throw .unimplemented },
        listDiscounts: { _ throws(StripeError) in throw .unimplemented },
        listSubscriptions: { _ throws(StripeError) in throw .unimplemented },
        updateSubscriptionPrice: { _, _ throws(StripeError) in throw .unimplemented },
        setCancelAtPeriodEnd: { _, _, _ throws(StripeError) in throw .unimplemented },
        clearCancelAt: { _, _ throws(StripeError) in throw .unimplemented },
        retrieveSchedule: { _ throws(StripeError) in throw .unimplemented },
        createSchedule: { _, _ throws(StripeError) in throw .unimplemented },
        updateSchedule: { _, _, _ throws(StripeError) in throw .unimplemented },
        releaseSchedule: { _, _ throws(StripeError) in throw .unimplemented },
        cancelSubscription: { _ throws(StripeError) in throw .unimplemented },
        previewUpgrade: { _ throws(StripeError) in throw .unimplemented },
        retrieveInvoice: { _ throws(StripeError) in throw .unimplemented },
        listInvoices: { _ throws(StripeError) in throw .unimplemented },
        listPendingItems: { _ throws(StripeError) in throw .unimplemented },
        voidInvoice: { _ throws(StripeError) in throw .unimplemented },
        listInvoicePayments: { _ throws(StripeError) in throw .unimplemented },
        listCharges: { _ throws(StripeError) in throw .unimplemented },
        listDisputes: { _ throws(StripeError) in throw .unimplemented },
        retrieveCharge: { _ throws(StripeError) in throw .unimplemented },
        listRefunds: { _ throws(StripeError) in throw .unimplemented },
        createRefund: { _, _, _ throws(StripeError) in throw .unimplemented },
        createPortalSession: { _ throws(StripeError) in throw .unimplemented },
        retrieveEvent: { _ throws(StripeError) in throw .unimplemented },
        listPortalConfigurations: { () throws(StripeError) in throw .unimplemented },
        savePortalConfiguration: { _, _, _ throws(StripeError) in throw .unimplemented },
        listWebhookEndpoints: { () throws(StripeError) in throw .unimplemented },
        createWebhookEndpoint: { _, _ throws(StripeError) in throw .unimplemented })
}

extension StripeError {
    fileprivate static let unimplemented = StripeError(
        .invalidRequest(code: "unimplemented", parameter: nil))
}
