import Foundation
import Stripe

/// What follows where one user pays for two subscriptions.
extension StripeMirror {
    /// Two checkouts were paid: the first keeps, the second is canceled and refunded. What is taken
    /// for the first may have ended meanwhile without our knowing; then the other takes its place.
    /// So it does where Stripe does not know the first.
    func settleTwo(
        _ newcomer: StripeSubscription, current: String, owner: UUID, requestID: String?
    ) async throws {
        guard !newcomer.isOver else { return }
        try await refresh(current, userID: owner, requestID: requestID)
        let linked = try await linkedSubscription(of: owner)
        guard let linked, linked != newcomer.id else {
            if linked == nil {
                try await refresh(newcomer.id, userID: owner, requestID: requestID)
            }
            return
        }
        let known = try await stripe.retrieveSubscription(linked)
        // Which was paid first is Stripe's to say: their events come in any order.
        guard try await firstPayment(of: newcomer) < firstPayment(of: known) else {
            return try await giveBack(newcomer.id, inFavorOf: linked)
        }
        try await giveBack(linked, inFavorOf: newcomer.id)
        try await refresh(linked, userID: owner, requestID: requestID)
        try await refresh(newcomer.id, userID: owner, requestID: requestID)
    }

    /// What orders subscriptions by when they were first paid for, in seconds, within which the one
    /// that is heard of first is the first; a trial's invoice over nothing counts. One that never
    /// was paid for comes after those that were.
    private func firstPayment(
        of subscription: StripeSubscription
    ) async throws -> (Int64, Int64) {
        let paidAt = try await stripe.listInvoices(subscription.id)
            .filter { $0.status == .paid }.map { $0.paidAt ?? $0.createdAt }.min()
        return (paidAt ?? .max, subscription.createdAt)
    }

    /// The money comes first: once a subscription is over, nobody asks for it again.
    private func giveBack(_ subscriptionID: String, inFavorOf first: String) async throws {
        try await notices.add(
            "duplicate_subscription", subject: subscriptionID,
            "\(subscriptionID) was paid besides \(first): it is refunded and canceled.")
        try await refundAll(of: subscriptionID)
        try await cancel(subscriptionID)
    }

    private func refundAll(of subscriptionID: String) async throws {
        for invoice in try await stripe.listInvoices(subscriptionID) where invoice.amountPaid > 0 {
            try await refund(invoice)
        }
    }

    /// Gives back all that was paid for an invoice.
    func refund(_ invoice: StripeInvoice) async throws {
        for payment in try await stripe.listInvoicePayments(.invoice(invoice.id)) {
            guard let intent = payment.paymentIntentID, payment.status == "paid" else { continue }
            do throws(StripeError) {
                // A new key: Stripe repeats a failure for a day, and gives no money twice.
                _ = try await stripe.createRefund(intent, nil, "refund-\(UUID().text)")
            } catch {
                // Refunded before: by us, or by hand.
                if case .invalidRequest(let code, _) = error.kind,
                    code == "charge_already_refunded"
                {
                    continue
                }
                throw error
            }
        }
    }
}
