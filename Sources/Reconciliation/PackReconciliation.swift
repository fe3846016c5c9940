import Billing
import Database
import Foundation
import Ledger
import LedgerStore
import Stripe
import Values

/// Finds paid packs that are not granted here, of which this database may not even know, and money
/// that went back and is not taken back.
extension PackMirror {
    struct Drift: Sendable {
        let sessionID: String
        let difference: String
    }

    /// - Returns: what differs of the customer's pages; none for a customer whom Stripe does not
    ///   know.
    func drift(of customerID: String) async throws -> [Drift] {
        var found: [Drift] = []
        for session in try await pages(of: customerID) where session.isPaid {
            guard session.isPayment, session.metadata[Self.purchaseKey] != nil else { continue }
            if let difference = try await difference(of: session) {
                found.append(
                    Drift(sessionID: session.id, difference: "\(session.id) \(difference)"))
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
        return Self.difference(of: grant, from: payment, purchase)
    }

    private static func difference(
        of grant: StandaloneGrant?, from payment: PackPayment, _ purchase: PackPurchase
    ) -> String? {
        guard let grant else { return "paid for \(purchase.packName), which is not granted here" }
        let total = payment.takenBack(of: purchase.credits)
        if grant.takeBackTotal != total {
            return "had money back at Stripe for \(total.decimal) credits, here for "
                + grant.takeBackTotal.decimal
        }
        guard grant.isFrozen != payment.isDisputed else { return nil }
        return "is disputed only \(payment.isDisputed ? "at Stripe" : "here")"
    }

    private func pages(of customerID: String) async throws -> [StripeCheckoutSession] {
        try await ifKnown { () async throws(StripeError) in
            try await stripe.listCheckoutSessions(customerID)
        } ?? []
    }
}
