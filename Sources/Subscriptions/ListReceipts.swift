import Billing
import FoundationEssentials
import Stripe
import Values

/// An invoice as its payer sees it.
package struct Receipt: Sendable {
    package enum State: String, Sendable, CaseIterable {
        case paid
        case open
        case void
    }

    package let id: String
    package let createdAt: Timestamp
    package let total: Money
    package let state: State
    /// The payment provider's page, on which it can be paid, read and printed.
    package let url: String?
}

/// What pays for a subscription, as its payer knows it again.
package struct PaymentCard: Sendable {
    /// E.g. `visa`, or the kind of what is no card, e.g. `sepa_debit`.
    package let brand: String
    package let lastFour: String?
}

extension CareerBillingService {
    /// What pays the next invoice of the user's running subscription; `nil` if nothing does, or
    /// Stripe does not know the subscription or its customer any more.
    ///
    /// - Throws: what Stripe's client and the database throw.
    package func card(of user: UUID) async throws -> PaymentCard? {
        guard let found = try await subscriptions.subscription(of: user),
            let id = found.account.subscription.stripeSubscriptionID
        else { return nil }
        let known = try await ifKnown { () async throws(StripeError) -> StripeCard? in
            let subscription = try await stripe.retrieveSubscription(id)
            var method = subscription.paymentMethodID
            if method == nil {
                method = try await stripe.retrieveCustomer(subscription.customerID).paymentMethodID
            }
            guard let method else { return nil }
            return try await stripe.retrieveCard(method)
        }
        guard let card = known ?? nil else { return nil }
        return PaymentCard(brand: card.brand ?? card.type, lastFour: card.lastFour)
    }

    /// The newest receipts that are listed.
    private static let maximumReceipts = 24

    /// The invoices of the user's running subscription, newest first; older ones are on the payment
    /// provider's own page. None if Stripe does not know the subscription any more.
    ///
    /// - Throws: what Stripe's client and the database throw.
    package func receipts(of user: UUID) async throws -> [Receipt] {
        guard let found = try await subscriptions.subscription(of: user),
            let id = found.account.subscription.stripeSubscriptionID
        else { return [] }
        let known = try await ifKnown { () async throws(StripeError) in
            try await stripe.listInvoices(id)
        }
        let invoices = (known ?? []).sorted { $0.createdAt > $1.createdAt }
        return invoices.prefix(Self.maximumReceipts).compactMap { invoice in
            guard let total = Money(amount: invoice.total, currency: invoice.currency),
                let state = Receipt.State(invoice.status)
            else { return nil }
            return Receipt(
                id: invoice.id, createdAt: Timestamp(ofStripe: invoice.createdAt), total: total,
                state: state, url: invoice.hostedURL)
        }
    }
}

extension Receipt.State {
    /// `nil` for what nobody was asked to pay yet.
    fileprivate init?(_ status: StripeInvoice.Status?) {
        switch status {
        case .paid: self = .paid
        case .open, .uncollectible: self = .open
        case .void: self = .void
        case .draft, .unknown, nil: return nil
        }
    }
}
