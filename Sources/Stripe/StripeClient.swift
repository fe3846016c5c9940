/// The calls that this service makes to Stripe, one closure each. `live` makes the real ones; a
/// test overrides those that it needs on `unimplemented`.
///
/// Every closure that ends in an idempotency key makes a POST. The same key with the same input
/// means the same action, however often it is sent: Stripe acts once and repeats its first answer,
/// a declined card included, for at least 24 hours
/// (https://docs.stripe.com/api/idempotent_requests). So a user's new attempt needs a new key.
/// A page of a list holds 100 objects; lists are newest first and end at `maximumListedObjects`.
public struct StripeClient: Sendable {
    // Customers.
    public var createCustomer:
        @Sendable (NewStripeCustomer, String) async throws(StripeError) -> StripeCustomer
    /// Has a customer's bills go to an address.
    public var setCustomerEmail:
        @Sendable (String, String, String) async throws(StripeError) -> StripeCustomer
    /// The customers with this email, in the case in which it was given.
    public var listCustomers: @Sendable (String) async throws(StripeError) -> [StripeCustomer]
    /// A deleted customer is an answer with `isDeleted`; an unknown one is `notFound`.
    public var retrieveCustomer: @Sendable (String) async throws(StripeError) -> StripeCustomer
    /// The cards that a customer has saved, newest first.
    public var listCards: @Sendable (String) async throws(StripeError) -> [StripeCard]
    /// Deletes a customer for good and cancels what it subscribes to, at once. Deleting twice is
    /// `notFound`, and so it is when the answer to the first try was lost.
    public var deleteCustomer: @Sendable (String) async throws(StripeError) -> StripeCustomer

    public var retrieveCard: @Sendable (String) async throws(StripeError) -> StripeCard

    // The catalog.
    /// The active price that has this lookup key.
    public var findPrice: @Sendable (String) async throws(StripeError) -> StripePrice?
    public var retrievePrice: @Sendable (String) async throws(StripeError) -> StripePrice
    /// Inactive prices too.
    public var listPrices: @Sendable (StripePriceFilter) async throws(StripeError) -> [StripePrice]
    public var retrieveProduct: @Sendable (String) async throws(StripeError) -> StripeProduct
    public var createProduct:
        @Sendable (NewStripeProduct, String) async throws(StripeError) -> StripeProduct
    public var createPrice:
        @Sendable (NewStripePrice, String) async throws(StripeError) -> StripePrice
    /// Adds to a price's metadata what is given; the rest of it stays.
    public var markPrice:
        @Sendable (String, [String: String], String) async throws(StripeError) -> StripePrice

    // Checkout.
    public var createCheckoutSession:
        @Sendable (NewStripeCheckoutSession, String) async throws(StripeError) ->
            StripeCheckoutSession
    /// A page that sells once, without a subscription.
    public var createPaymentSession:
        @Sendable (NewStripePaymentSession, String) async throws(StripeError) ->
            StripeCheckoutSession
    public var retrieveCheckoutSession:
        @Sendable (String) async throws(StripeError) -> StripeCheckoutSession
    /// The sessions that this payment intent has paid; one or none.
    public var listSessionsOfPayment:
        @Sendable (String) async throws(StripeError) -> [StripeCheckoutSession]
    /// This customer's sessions in all states.
    public var listCheckoutSessions:
        @Sendable (String) async throws(StripeError) -> [StripeCheckoutSession]
    /// Completed sessions of all customers, of those made since an instant in Unix seconds.
    public var listCompleteCheckoutSessions:
        @Sendable (Int64) async throws(StripeError) -> [StripeCheckoutSession]
    /// This customer's sessions that can still be paid.
    public var listOpenCheckoutSessions:
        @Sendable (String) async throws(StripeError) -> [StripeCheckoutSession]
    /// Ends an open session, so that nobody can pay it; another one is an `invalidRequest`.
    public var expireCheckoutSession:
        @Sendable (String) async throws(StripeError) -> StripeCheckoutSession

    // Subscriptions.
    /// The subscription with its latest invoice.
    public var retrieveSubscription:
        @Sendable (String) async throws(StripeError) -> StripeSubscription
    public var listDiscounts: @Sendable (String) async throws(StripeError) -> [StripeDiscount]
    /// Every subscription of this customer, canceled ones included.
    public var listSubscriptions:
        @Sendable (String) async throws(StripeError) -> [StripeSubscription]
    /// Changes the price, prorates and charges at once. Where the charge does not go through, the
    /// answer has a `pendingUpdate`, and nothing changes before its invoice is paid.
    public var updateSubscriptionPrice:
        @Sendable (StripePriceChange, String) async throws(StripeError) -> StripeSubscription
    /// Takes the subscription and whether it is to end with its period.
    public var setCancelAtPeriodEnd:
        @Sendable (String, Bool, String) async throws(StripeError) -> StripeSubscription
    /// Takes back an end at a date, which ``setCancelAtPeriodEnd`` may leave standing. Stripe
    /// refuses the two in one request.
    public var clearCancelAt:
        @Sendable (String, String) async throws(StripeError) -> StripeSubscription
    public var retrieveSchedule:
        @Sendable (String) async throws(StripeError) -> StripeSubscriptionSchedule
    /// Attaches a schedule to a subscription: its one phase is the period that is running. One that
    /// has a schedule, has ended or is to end is an `invalidRequest`.
    public var createSchedule:
        @Sendable (String, String) async throws(StripeError) -> StripeSubscriptionSchedule
    /// Takes the schedule and what is to become of its subscription. A schedule that runs no longer
    /// is an `invalidRequest`.
    public var updateSchedule:
        @Sendable (String, StripeSchedulePlan, String) async throws(StripeError) ->
            StripeSubscriptionSchedule
    /// Detaches a schedule from its subscription, which goes on as it is. A schedule that is
    /// attached no longer is an `invalidRequest`.
    public var releaseSchedule:
        @Sendable (String, String) async throws(StripeError) -> StripeSubscriptionSchedule
    /// Ends the subscription at once, for good, without an invoice or a refund. One that has ended
    /// already is `notFound`, and so it is when the answer to the first try was lost.
    public var cancelSubscription:
        @Sendable (String) async throws(StripeError) -> StripeSubscription

    // Invoices and money.
    /// The invoice that `updateSubscriptionPrice` with the same input would make. Changes nothing.
    public var previewUpgrade:
        @Sendable (StripePriceChange) async throws(StripeError) -> StripeInvoice
    /// The invoice that comes next by itself. Changes nothing.
    public var previewNextInvoice:
        @Sendable (StripeNextInvoice) async throws(StripeError) -> StripeInvoice
    public var retrieveInvoice: @Sendable (String) async throws(StripeError) -> StripeInvoice
    /// Makes a draft, which Stripe neither finalizes nor charges by itself.
    public var createInvoice:
        @Sendable (NewStripeInvoice, String) async throws(StripeError) -> StripeInvoice
    /// Adds a line to a draft.
    public var addInvoiceLine:
        @Sendable (NewStripeInvoiceLine, String) async throws(StripeError) -> StripeInvoiceItem
    /// Opens a draft, so that it can be paid. One that is open already is an `invalidRequest`.
    public var finalizeInvoice:
        @Sendable (String, String) async throws(StripeError) -> StripeInvoice
    /// Charges an open invoice now, to a card whose owner is not there; nil: to the one that Stripe
    /// finds. One that is paid already is an `invalidRequest`.
    public var payInvoice:
        @Sendable (String, String?, String) async throws(StripeError) -> StripeInvoice
    /// The invoices of this customer, those of subscriptions among them.
    public var listCustomerInvoices: @Sendable (String) async throws(StripeError) -> [StripeInvoice]
    /// The invoices of this subscription.
    public var listInvoices: @Sendable (String) async throws(StripeError) -> [StripeInvoice]
    /// What waits for this customer's next invoice.
    public var listPendingItems: @Sendable (String) async throws(StripeError) -> [StripeInvoiceItem]
    /// Makes an open or uncollectible invoice one that nobody can pay any more, for good. One that
    /// is neither is an `invalidRequest`.
    public var voidInvoice: @Sendable (String) async throws(StripeError) -> StripeInvoice
    /// What was paid toward an invoice, or what a payment was for.
    public var listInvoicePayments:
        @Sendable (StripePaymentFilter) async throws(StripeError) -> [StripeInvoicePayment]
    /// The charges that this payment intent has led to, failed ones included.
    public var listCharges: @Sendable (String) async throws(StripeError) -> [StripeCharge]
    /// The disputes of this payment intent's charges.
    public var listDisputes: @Sendable (String) async throws(StripeError) -> [StripeDispute]
    public var retrieveCharge: @Sendable (String) async throws(StripeError) -> StripeCharge
    /// The refunds of this payment intent's charges, those that failed included.
    public var listRefunds: @Sendable (String) async throws(StripeError) -> [StripeRefund]
    /// Gives a payment intent's payment back: so much of it, in the minor unit, or what is left.
    public var createRefund:
        @Sendable (String, Int64?, String) async throws(StripeError) -> StripeRefund
    /// Returns a page that may be opened once.
    public var createPortalSession:
        @Sendable (NewStripePortalSession) async throws(StripeError) -> StripePortalSession
    /// The event as Stripe keeps it, for 30 days.
    public var retrieveEvent: @Sendable (String) async throws(StripeError) -> StripeEvent

    // How the account is set up.
    /// The active configurations of the customer portal.
    public var listPortalConfigurations:
        @Sendable () async throws(StripeError) -> [StripePortalConfiguration]
    /// Makes a configuration, or changes the one whose id is given to be like that.
    public var savePortalConfiguration:
        @Sendable (String?, NewStripePortalConfiguration, String) async throws(StripeError) ->
            StripePortalConfiguration
    public var listWebhookEndpoints:
        @Sendable () async throws(StripeError) -> [StripeWebhookEndpoint]
    /// Makes an endpoint whose events are of the release that this module reads
    /// (``stripeVersion``). Only this answer tells its secret.
    public var createWebhookEndpoint:
        @Sendable (NewStripeWebhookEndpoint, String) async throws(StripeError) ->
            StripeWebhookEndpoint
}

/// A customer to be made for a user of this service.
public struct NewStripeCustomer: Sendable, Equatable {
    /// Kept in the customer's metadata as ``holderKey``.
    public var userID: String
    /// E.g. `user_id`.
    public var holderKey: String
    /// `nil` for who has none: it is left out. Stripe reads an empty one as an
    /// order to remove what is not there, and refuses.
    public var email: String?

    public init(userID: String, holderKey: String = "user_id", email: String?) {
        self.userID = userID
        self.holderKey = holderKey
        self.email = email
    }
}

/// Which prices to list.
public enum StripePriceFilter: Sendable, Equatable {
    case product(String)
    case lookupKey(String)
}

/// What is to be sold.
public struct NewStripeProduct: Sendable, Equatable {
    /// Customers see it.
    public var name: String
    public var metadata: [String: String]

    public init(name: String, metadata: [String: String] = [:]) {
        self.name = name
        self.metadata = metadata
    }
}

/// A price to be made in the catalog.
public struct NewStripePrice: Sendable, Equatable {
    public var productID: String
    /// How the service finds the price again, e.g. `career_plus_monthly`. A price that has the key
    /// loses it to this one.
    public var lookupKey: String
    /// In the currency's minor unit.
    public var unitAmount: Int64
    /// ISO 4217, lower case.
    public var currency: String
    /// `month` or `year`; nil for what is paid once.
    public var interval: String?
    public var metadata: [String: String]

    public init(
        productID: String, lookupKey: String, unitAmount: Int64, currency: String,
        interval: String? = "month", metadata: [String: String] = [:]
    ) {
        self.interval = interval
        self.productID = productID
        self.lookupKey = lookupKey
        self.unitAmount = unitAmount
        self.currency = currency
        self.metadata = metadata
    }
}

/// Which invoice payments to list.
public enum StripePaymentFilter: Sendable, Equatable {
    case invoice(String)
    case paymentIntent(String)
}
