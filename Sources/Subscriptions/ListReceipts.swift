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

extension CareerBillingService {
    /// The newest receipts that are listed.
    private static let maximumReceipts = 24

    /// The invoices of the user's running subscription, newest first; older ones are on the payment
    /// provider's own page.
    ///
    /// - Throws: what Stripe's client and the database throw.
    package func receipts(of user: UUID) async throws -> [Receipt] {
        guard let found = try await subscriptions.subscription(of: user),
            let id = found.account.subscription.stripeSubscriptionID
        else { return [] }
        let invoices = try await stripe.listInvoices(id)
            .sorted { $0.createdAt > $1.createdAt }.prefix(Self.maximumReceipts)
        return invoices.compactMap { invoice in
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
