import CareerDomain
import Database
import Foundation
import Messaging
import Stripe

/// Reads a subscription, its invoices and what became of their money at Stripe into a
/// ``BillingSnapshot``: what Stripe says, in the domain's words. It decides and writes nothing.
struct BillingSnapshotReader: Sendable {
    let stripe: StripeClient
    let database: any Database
    let prices: StripePrices

    /// What was paid last for a subscription at Stripe; `nil` where nothing was, or where we know
    /// that the money went back.
    func paidPeriod(
        of subscription: StripeSubscription
    ) async throws -> BillingSnapshot.PaidPeriod? {
        try await snapshot(of: subscription).paid
    }

    /// Whether Stripe says that an invoice's money went back: refunded in full, or lost to a dispute.
    func isReturned(_ invoiceID: String) async throws -> Bool {
        for payment in try await stripe.listInvoicePayments(.invoice(invoiceID)) {
            guard let intent = payment.paymentIntentID else { continue }
            let charges = try await stripe.listCharges(intent)
            if charges.contains(where: \.isRefundedInFull) { return true }
            let disputes = try await stripe.listDisputes(intent)
            if disputes.contains(where: { $0.status == "lost" }) { return true }
        }
        return false
    }

    func snapshot(of subscription: StripeSubscription) async throws -> BillingSnapshot {
        guard let item = subscription.items.first else {
            throw PoisonMessage("\(subscription.id) has no item")
        }
        let planID = try await prices.plan(of: item.price)
        guard let planID else {
            throw PoisonMessage("\(subscription.id) has a price of no plan: \(item.price.id)")
        }
        let invoices = try await stripe.listInvoices(subscription.id)
        let latest = try await latestPaid(
            invoices, prices: subscription.items.map(\.price), fallback: planID)
        let revoked = try await isRevoked(latest?.invoiceID)
        return BillingSnapshot(
            customerID: subscription.customerID, subscriptionID: subscription.id, planID: planID,
            status: Subscription.Status(subscription.status),
            cancelAtPeriodEnd: subscription.isEnding,
            canceledAt: time(subscription.canceledAt), endedAt: time(subscription.endedAt),
            trialEnd: time(subscription.trialEnd), paid: revoked ? nil : latest,
            isRevoked: revoked,
            changedPlanAt: latest.flatMap { changedPlanAt(invoices, to: item.price.id, within: $0) }
        )
    }

    /// The paid invoice whose period is the latest. Prorations are not periods.
    private func latestPaid(
        _ invoices: [StripeInvoice], prices known: [StripePrice], fallback: UUID
    ) async throws -> BillingSnapshot.PaidPeriod? {
        var latest: (invoice: StripeInvoice, line: StripeInvoice.Line)?
        for invoice in invoices where invoice.status == .paid {
            for line in invoice.lines
            where !line.isProration && line.periodEnd > line.periodStart {
                if let known = latest, known.line.periodEnd >= line.periodEnd { continue }
                latest = (invoice, line)
            }
        }
        guard let latest else { return nil }
        var planID = fallback
        if let priceID = latest.line.priceID {
            planID =
                try await prices.plan(ofPriceID: priceID, among: known) ?? fallback
        }
        return BillingSnapshot.PaidPeriod(
            invoiceID: latest.invoice.id, planID: planID,
            start: Timestamp(ofStripe: latest.line.periodStart),
            end: Timestamp(ofStripe: latest.line.periodEnd),
            isFirst: latest.invoice.billingReason == "subscription_create")
    }

    /// When the present price began to be charged within the period, as its paid proration says. That
    /// of an earlier period paid for that one.
    private func changedPlanAt(
        _ invoices: [StripeInvoice], to priceID: String, within period: BillingSnapshot.PaidPeriod
    ) -> Timestamp? {
        invoices.filter { $0.status == .paid }.flatMap(\.lines)
            .filter { $0.isProration && $0.priceID == priceID && $0.amount >= 0 }
            .map { Timestamp(ofStripe: $0.periodStart) }
            .filter { period.start <= $0 && $0 < period.end }
            .max()
    }

    private func isRevoked(_ invoiceID: String?) async throws -> Bool {
        guard let invoiceID else { return false }
        return try await database.read { connection in
            try !connection.query(
                "SELECT 1 FROM revoked_invoices WHERE invoice_id = ?", [.text(invoiceID)]
            ).isEmpty
        }
    }

    private func time(_ seconds: Int64?) -> Timestamp? { seconds.map { Timestamp(ofStripe: $0) } }
}

extension StripeSubscription {
    /// Whether it is over for good.
    var isOver: Bool { status == .canceled || status == .incompleteExpired }

    /// Whether it ends by itself, with its period or at a date.
    var isEnding: Bool { cancelAtPeriodEnd || (cancelAt != nil && endedAt == nil) }
}

extension Subscription.Status {
    /// A status that Stripe may add one day entitles to nothing until it is known.
    init(_ status: StripeSubscription.Status) {
        self =
            switch status {
            case .active: .active
            case .trialing: .trialing
            case .pastDue: .pastDue
            case .incomplete: .incomplete
            case .incompleteExpired: .incompleteExpired
            case .unpaid: .unpaid
            case .canceled: .canceled
            case .paused, .unknown: .paused
            }
    }
}

extension Timestamp {
    /// A time of Stripe's, which its decoding has held to the years that there are.
    init(ofStripe seconds: Int64) { self = .epoch.adding(seconds: seconds) }
}
