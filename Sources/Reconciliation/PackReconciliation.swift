import Billing
import Database
import Foundation
import Ledger
import LedgerStore
import Packs
import Stripe
import Values

/// Finds paid packs that are not granted here, of which this database may not even know, and money
/// that went back and is not taken back.
extension PackMirror {
    /// - Returns: what differs of the customer's pages; none for a customer whom Stripe does not
    ///   know.
    func drift(of customerID: String) async throws -> [SaleDrift] {
        var found: [SaleDrift] = []
        for session in try await pages(of: customerID) where session.isPaid {
            guard session.isPayment, session.metadata[Self.purchaseKey] != nil else { continue }
            if let difference = try await difference(of: session) {
                found.append(SaleDrift(soldBy: session.id, difference))
            }
        }
        return found
    }

    private func difference(of session: StripeCheckoutSession) async throws -> String? {
        let payment = try await self.payment(of: session)
        guard let purchase = try await purchase(of: session)?.purchase else {
            guard payment.returned < payment.paid,
                try await !notices.haveTold(of: session.id)
            else { return nil }
            return "paid for a pack that nobody here has bought"
        }
        let isGivenBack = try await database.read { [isGivenBack] in
            try isGivenBack(purchase.cause, purchase.userID, payment.refunds, $0)
        }
        if isGivenBack { return nil }
        let grant = try await ledger.look(
            at: FindGrant(userID: purchase.userID, cause: purchase.cause))
        return payment.difference(
            from: grant, of: purchase.credits, named: purchase.packName)
    }

    private func pages(of customerID: String) async throws -> [StripeCheckoutSession] {
        try await ifKnown { () async throws(StripeError) in
            try await stripe.listCheckoutSessions(customerID)
        } ?? []
    }
}
