import Billing
import Database
import Foundation
import Ledger
import LedgerStore
import Stripe
import TopUps
import Values

/// Finds automatic purchases that stand otherwise at Stripe than here: paid and not granted, money
/// that went back and is not taken back, given up and can still be paid, awaited and void.
extension TopUpService {
    /// - Returns: what differs of the customer's invoices; none for a customer whom Stripe does not
    ///   know.
    func drift(of customerID: String) async throws -> [SaleDrift] {
        let invoices = try await ifKnown { () async throws(StripeError) in
            try await stripe.listCustomerInvoices(customerID)
        }
        var found: [SaleDrift] = []
        for invoice in invoices ?? [] where invoice.metadata[Self.purchaseKey] != nil {
            if let difference = try await difference(of: invoice) {
                let isOpen = invoice.status == .open || invoice.status == .uncollectible
                found.append(SaleDrift(soldBy: invoice.id, difference, isToVoid: isOpen))
            }
        }
        return found
    }

    private func difference(of invoice: StripeInvoice) async throws -> String? {
        let id = invoice.metadata[Self.purchaseKey].flatMap { UUID(uuidString: $0) }
        let purchase = try await database.read { connection in
            try id.flatMap { try TopUpRows.purchase($0, in: connection) }
        }
        switch invoice.status {
        case .paid: return try await difference(of: invoice, sold: purchase)
        case .open, .uncollectible:
            guard purchase?.isInFlight != true else { return nil }
            return "can still be paid for an automatic top-up that is over here"
        case .void:
            guard let purchase, purchase.isInFlight, purchase.invoiceID == invoice.id else {
                return nil
            }
            return "is void at Stripe, and its automatic top-up is awaited here"
        case .draft, .unknown, nil: return nil
        }
    }

    private func difference(
        of invoice: StripeInvoice, sold purchase: TopUpPurchase?
    ) async throws -> String? {
        let payment = try await self.payment(of: invoice).payment
        guard let purchase else {
            guard payment.returned < payment.paid,
                try await !notices.haveTold(of: invoice.id)
            else { return nil }
            return "paid for an automatic top-up that nobody here has"
        }
        let isGivenBack = try await database.read { connection in
            try TopUpReturns.isPending(
                purchase.cause, of: purchase.userID, payment.refunds, in: connection)
        }
        if isGivenBack { return nil }
        let grant = try await ledger.look(
            at: FindGrant(userID: purchase.userID, cause: purchase.cause))
        return payment.difference(
            from: grant, of: purchase.terms.credits, named: purchase.terms.packName)
    }
}
