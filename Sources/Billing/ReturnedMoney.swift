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
    /// - Returns: whether the payment is an invoice's.
    package func paymentChanged(
        _ intent: String, object: String?, type: String, requestID: String?
    ) async throws -> Bool {
        let payments = try await payments(of: intent)
        for payment in payments {
            let invoice = try await stripe.retrieveInvoice(payment.invoiceID)
            guard let id = invoice.subscriptionID else { continue }
            let subscription = try await stripe.retrieveSubscription(id)
            // Who shares the Stripe account with us looks after their own payments.
            guard let owner = try await userOfOurs(subscription) else { continue }
            try await noteReturned(invoice.id, reason: type)
            try await refresh(id, userID: owner, requestID: requestID)
            try await PaymentNotices(stripe: stripe, notices: notices).tell(
                of: object, type, payment: intent,
                PaymentNotices.Bought(
                    name: invoice.id, stays: "The plan stays meanwhile.",
                    givenAgain: ", unless the plan has ended; then pay it otherwise."))
            try await tellOfReturn(of: invoice, subscription, owner: owner)
        }
        return !payments.isEmpty
    }

    private func payments(of intent: String) async throws -> [StripeInvoicePayment] {
        try await ifKnown { () async throws(StripeError) in
            try await stripe.listInvoicePayments(.paymentIntent(intent))
        } ?? []
    }

    /// Tells what of the user's went with the money, and what stays.
    package func tellOfReturn(
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
                    linked: try await linkedSubscription(of: owner),
                    isOfSeats: try await isOfSeats(invoice, subscription)))
    }

    /// Whether an invoice charged for more seats on the same plan, and for nothing else.
    private func isOfSeats(
        _ invoice: StripeInvoice, _ subscription: StripeSubscription
    ) async throws -> Bool {
        guard invoice.billingReason == "subscription_update" else { return false }
        let known = subscription.items.map(\.price)
        let ids = Set(invoice.lines.compactMap(\.priceID))
        for id in ids.sorted() {
            let meaning = try await reader.prices.meaning(ofPriceID: id, among: known)
            if meaning.seatOf == nil { return false }
        }
        return !ids.isEmpty && invoice.lines.allSatisfy(\.isProration)
    }

    /// E.g. `20.00 usd`.
    private func named(_ amount: Int64, _ invoice: StripeInvoice) -> String {
        Money(amount: amount, currency: invoice.currency)?.named ?? "\(amount) \(invoice.currency)"
    }

    private func effect(
        of invoice: StripeInvoice, _ subscription: StripeSubscription,
        _ snapshot: BillingSnapshot, linked: String?, isOfSeats: Bool
    ) -> String {
        if let linked, linked != subscription.id {
            return
                "\(subscription.id) is not the \(product.noun)'s plan, "
                + "which is \(linked) and stays."
        }
        let goesOn =
            subscription.isOver
            ? "\(subscription.id) is over." : "\(subscription.id) goes on and renews as it is."
        if snapshot.periods.last?.invoiceID == invoice.id {
            return snapshot.isRevoked
                ? "\(subscription.id) is canceled"
                    + (product.isCareer ? " and its user on the Free plan." : ".")
                : "the same share of the period's credits went with it. \(goesOn)"
        }
        let ids = Set(invoice.lines.compactMap { $0.invoiceItemID ?? $0.id })
        let since = snapshot.periods.suffix(2).first?.start
        if let since, snapshot.changes.contains(where: { ids.contains($0.id) && $0.at >= since }) {
            return "it paid for a change of plan, whose credits went in the same share; the plan "
                + "stays. \(goesOn)"
        }
        if isOfSeats {
            return "it paid for more seats within a period, which stay, and no credits were for "
                + "them. \(goesOn)"
        }
        return "it paid for an earlier period, of which only what it left over goes. \(goesOn)"
    }
}
