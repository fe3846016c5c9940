import Database
import Foundation
import Ledger
import LedgerStore
import Stripe

/// What is to be done or told after a subscription was mirrored.
extension StripeMirror {
    /// Whatever is paid ends as a usable period, a refund or a notice, and what an operator has
    /// made of a subscription at Stripe is followed or told.
    func tidyUp(
        after subscription: StripeSubscription, _ reading: BillingSnapshotReader.Reading,
        owner: UUID
    ) async throws {
        if subscription.isOver {
            for invoice in reading.invoices { try await close(invoice, of: subscription) }
        } else {
            if let outdated = reading.coming.outdated { try await releaseOutdated(outdated) }
            if let behind = reading.coming.behind { try await bring(behind, of: subscription) }
            try await tellOfOddities(subscription, reading, owner: owner)
            try await tellOfLateChanges(subscription, reading.snapshot, owner: owner)
        }
    }

    /// A higher plan that Stripe charged with the next invoice is paid for when its period is over:
    /// it has granted nothing.
    private func tellOfLateChanges(
        _ subscription: StripeSubscription, _ snapshot: BillingSnapshot, owner: UUID
    ) async throws {
        guard let running = snapshot.periods.last else { return }
        for change in snapshot.changes
        where change.at < running.start && change.isPaid && change.to != nil
            && change.from != change.to && !change.givesBack
            && change.money.paid > change.money.returned
        {
            let causes = [change.id, change.to?.text ?? change.id]
            if try await wasGranted(.upgrade, causes, to: owner) { continue }
            try await notices.add(
                "paid_unused", subject: "\(change.id) paid late",
                "\(subscription.id) of \(product.named(owner)) has paid for a change of plan of a "
                    + "period that was over by then (\(change.id)), and nothing is granted for "
                    + "it: \(product.remedy).")
        }
    }

    package func wasGranted(
        _ kind: CreditGrant.Kind, _ causes: [String], to user: UUID
    ) async throws -> Bool {
        let tables = product.tables
        return try await database.read { connection in
            try AccountHistory.wasGranted(kind, causes, to: user, of: tables, in: connection)
        }
    }

    /// Nobody is to pay for what has ended. Only of a subscription that is over for good invoices
    /// are voided: another one Stripe would take for paid then and let go on.
    private func close(
        _ invoice: StripeInvoice, of subscription: StripeSubscription
    ) async throws {
        if invoice.status == .open || invoice.status == .uncollectible {
            do {
                _ = try await stripe.voidInvoice(invoice.id)
            } catch {
                // Paid or voided meanwhile; its event brings us here again.
                guard error.isRefusal else { throw error }
            }
        }
        guard invoice.status == .paid, invoice.amountPaid > 0, let endedAt = subscription.endedAt,
            (invoice.paidAt ?? invoice.createdAt) > endedAt,
            invoice.lines.contains(where: { !$0.isProration && $0.periodEnd > endedAt })
        else { return }
        try await notices.add(
            "paid_after_end", subject: "\(invoice.id) paid after the end",
            "\(invoice.id) was paid after \(subscription.id) had ended: it is refunded.")
        try await refund(invoice)
    }

    private func tellOfOddities(
        _ subscription: StripeSubscription, _ reading: BillingSnapshotReader.Reading, owner: UUID
    ) async throws {
        let whose = "\(subscription.id) of \(product.named(owner))"
        guard let item = reading.item else {
            return try await notices.add(
                "unknown_price", subject: "\(subscription.id) unknown price",
                "\(whose) has a price of no plan of ours: the \(product.noun) keeps the plan that "
                    + "they had.")
        }
        var oddities: [String] = []
        if let quantity = item.quantity, quantity != 1 {
            oddities.append("has the quantity \(quantity): its plan is granted once")
        }
        let catalog = try await reader.prices.catalog.current(in: reader.database)
        let plan = reading.snapshot.planID.flatMap { catalog.plan($0) }
        if let interval = item.price.interval,
            !item.price.isPaid(each: plan?.interval ?? .month)
        {
            oddities.append(
                "is billed every \(item.price.intervalCount ?? 1) \(interval): its plan is granted "
                    + "once for each period that is paid")
        }
        if let end = reading.endWithoutYear(catalog) {
            oddities.append(
                "is on a plan by the year, and no year is paid for: nothing is granted after "
                    + "\(end.rfc3339) until an invoice of a whole year is paid")
        }
        if let pause = subscription.pauseBehavior {
            oddities.append(
                "is not charged while its collection is paused (\(pause)): nothing is granted "
                    + "until an invoice is paid")
        }
        if subscription.items.count > 1,
            try await reader.planItems(of: subscription).count > 1
        {
            oddities.append("has several plans of ours: the first, \(item.price.id), counts")
        }
        oddities += reading.seats?.oddities ?? []
        guard !oddities.isEmpty, try await linkedSubscription(of: owner) == subscription.id else {
            return
        }
        for oddity in oddities {
            try await notices.add(
                "changed_at_stripe", subject: "\(subscription.id) \(oddity)", "\(whose) \(oddity).")
        }
    }
}
