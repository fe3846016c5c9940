extension ProductReconciliation {
    /// One difference of a subscription.
    struct Drift {
        /// The one that is to be fetched anew.
        let subscriptionID: String?
        let difference: String
        /// Invoices whose money went back.
        let returned: [String]
        /// An invoice that was paid and granted nothing.
        let unused: String?
        let isOfUnknownCustomer: Bool

        /// Stripe does not know the customer; what they subscribed to is unknown with them.
        init(unknownCustomer: String) {
            subscriptionID = nil
            difference = "\(unknownCustomer) is unknown to Stripe"
            returned = []
            unused = nil
            isOfUnknownCustomer = true
        }

        init(
            _ subscriptionID: String, _ difference: String, returned: [String] = [],
            unused: String? = nil
        ) {
            self.subscriptionID = subscriptionID
            self.difference = "\(subscriptionID) \(difference)"
            self.returned = returned
            self.unused = unused
            isOfUnknownCustomer = false
        }
    }
}
