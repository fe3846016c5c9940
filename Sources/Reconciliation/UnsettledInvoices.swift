import Billing
import Foundation
import Stripe

extension ProductReconciliation {
    /// Paid invoices that ended neither as a period, nor as a refund, nor as a notice, and those
    /// that could still be paid for nothing.
    func unsettled(
        _ subscription: StripeSubscription, _ reading: BillingSnapshotReader.Reading, of user: UUID
    ) async throws -> [Drift] {
        var found: [Drift] = []
        for invoice in reading.invoices {
            if subscription.isOver, invoice.status == .open || invoice.status == .uncollectible {
                found.append(
                    Drift(subscription.id, "has ended and \(invoice.id) can still be paid"))
            }
            let periods = invoice.lines.filter { !$0.isProration && $0.periodEnd > $0.periodStart }
            guard invoice.status == .paid, invoice.amountPaid > 0, !periods.isEmpty,
                !periods.allSatisfy({ $0.isGivenBack(by: reading.invoices) }),
                try await !mirror.wasGranted(.plan, [invoice.id], to: user),
                try await !mirror.notices.haveTold(of: invoice.id),
                try await mirror.reader.returned(invoice.id) < invoice.amountPaid
            else { continue }
            found.append(
                Drift(
                    subscription.id, "was paid by \(invoice.id), for which nothing is granted here",
                    unused: invoice.id))
        }
        return found
    }
}

extension StripeInvoice.Line {
    /// Whether another period has taken the place of the one that this line pays for, and what was
    /// left of it was given back with that: e.g. a year that was bought while the month's own
    /// invoice was a draft. Then nothing is missing if the period is paid and never granted. The
    /// credit is counted from the instant of the preview that the user saw, and the other period
    /// from when it was bought, some minutes later.
    package func isGivenBack(by invoices: [StripeInvoice]) -> Bool {
        invoices.contains { invoice in
            let begun = invoice.lines.filter { !$0.isProration && $0.periodEnd > $0.periodStart }
            return invoice.lines.contains { credit in
                credit.isProration && credit.isCredit && credit.periodEnd == periodEnd
                    && credit.subscriptionItemID == subscriptionItemID
                    && (periodStart..<periodEnd).contains(credit.periodStart)
                    && begun.contains {
                        (credit.periodStart..<periodEnd).contains($0.periodStart)
                    }
            }
        }
    }
}
