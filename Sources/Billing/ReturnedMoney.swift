import Foundation
import Ledger
import Stripe
import Values

/// What follows where money goes back: a refund, a dispute.
extension StripeMirror {
    /// An event about a payment has come: what its invoices bought is looked at anew.
    ///
    /// - Parameters:
    ///   - object: the refund or dispute that the event is about, if it is one.
    ///   - type: the event's.
    package func paymentChanged(
        _ intent: String, object: String?, type: String, requestID: String?
    ) async throws {
        for payment in try await payments(of: intent) {
            let invoice = try await stripe.retrieveInvoice(payment.invoiceID)
            guard let id = invoice.subscriptionID else { continue }
            let subscription = try await stripe.retrieveSubscription(id)
            // Who shares the Stripe account with us looks after their own payments.
            guard let owner = try await userOfOurs(subscription) else { continue }
            try await noteReturned(invoice.id, reason: type)
            try await refresh(id, userID: owner, requestID: requestID)
            try await tell(of: object, type, payment: intent, invoice)
            try await tellOfReturn(of: invoice, subscription, owner: owner)
        }
    }

    private func payments(of intent: String) async throws -> [StripeInvoicePayment] {
        do {
            return try await stripe.listInvoicePayments(.paymentIntent(intent))
        } catch {
            if case .notFound = error.kind { return [] }
            throw error
        }
    }

    /// A dispute is the operator's to answer, and a refund that fails theirs to repeat.
    private func tell(
        of object: String?, _ type: String, payment: String, _ invoice: StripeInvoice
    ) async throws {
        guard let object else { return }
        if type == "charge.dispute.created" {
            try await notices.add(
                "dispute_opened", subject: object,
                "\(object) disputes \(payment) of \(invoice.id): answer it at Stripe. The plan "
                    + "stays meanwhile.")
        }
        if type == "charge.dispute.closed" {
            let dispute = try await stripe.listDisputes(payment).first { $0.id == object }
            if let status = dispute?.status, ["lost", "won"].contains(status) {
                try await notices.add(
                    "dispute_\(status)", subject: "\(object) \(status)",
                    "\(object) was \(status): the money of \(invoice.id) "
                        + (status == "lost" ? "went back." : "stays, and so does what it paid for.")
                )
            }
        }
        let refund = try await stripe.listRefunds(payment).first { $0.id == object }
        if let refund, refund.status == "failed" || refund.status == "canceled" {
            try await notices.add(
                "refund_failed", subject: "\(refund.id) failed",
                "\(refund.id) of \(invoice.id) failed: the user has not got the money. What had "
                    + "been taken back is given again, unless the plan has ended; then pay it "
                    + "otherwise."
            )
        }
    }

    /// Tells what of the user's went with the money, and what stays.
    func tellOfReturn(
        of invoice: StripeInvoice, _ known: StripeSubscription, owner: UUID
    ) async throws {
        let subscription = try await stripe.retrieveSubscription(known.id)
        let snapshot = try await reader.read(subscription).snapshot
        let returned = try await reader.returned(invoice.id)
        guard returned > 0 else { return }
        let money =
            "\(named(returned, invoice)) of \(named(invoice.amountPaid, invoice)) of \(invoice.id)"
        try await notices.add(
            "money_returned", subject: "\(invoice.id) returned \(returned)",
            "\(money) went back: "
                + effect(
                    of: invoice, subscription, snapshot,
                    linked: try await linkedSubscription(of: owner)))
    }

    /// E.g. `20.00 usd`.
    private func named(_ amount: Int64, _ invoice: StripeInvoice) -> String {
        Money(amount: amount, currency: invoice.currency)?.named ?? "\(amount) \(invoice.currency)"
    }

    private func effect(
        of invoice: StripeInvoice, _ subscription: StripeSubscription,
        _ snapshot: BillingSnapshot, linked: String?
    ) -> String {
        if let linked, linked != subscription.id {
            return "\(subscription.id) is not the user's plan, which is \(linked) and stays."
        }
        let goesOn =
            subscription.isOver
            ? "\(subscription.id) is over." : "\(subscription.id) goes on and renews as it is."
        if snapshot.periods.last?.invoiceID == invoice.id {
            return snapshot.isRevoked
                ? "\(subscription.id) is canceled and its user on the Free plan."
                : "the same share of the period's credits went with it. \(goesOn)"
        }
        let ids = Set(invoice.lines.compactMap { $0.invoiceItemID ?? $0.id })
        let since = snapshot.periods.suffix(2).first?.start
        if let since, snapshot.changes.contains(where: { ids.contains($0.id) && $0.at >= since }) {
            return "it paid for a change of plan, whose credits went in the same share; the plan "
                + "stays. \(goesOn)"
        }
        return "it paid for an earlier period, of which nothing is taken. \(goesOn)"
    }
}
