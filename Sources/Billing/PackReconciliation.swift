import Database
import Foundation
import Ledger
import LedgerStore
import Stripe
import Values

/// Finds paid packs that are not granted here, and money that went back and is not taken back.
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
            guard session.isPayment,
                let id = session.metadata[Self.purchaseKey].flatMap({ UUID(uuidString: $0) }),
                let purchase = try await database.read({ try PackPurchases.find(id, in: $0) })
            else { continue }
            let payment = try await payment(of: session)
            let grant = try await ledger.look(
                at: FindGrant(userID: purchase.userID, cause: purchase.cause))
            let isGivenBack = try await database.read { [isGivenBack] in
                try isGivenBack(purchase.cause, purchase.userID, payment.refunds, $0)
            }
            if !isGivenBack, let difference = Self.difference(of: grant, from: payment, purchase) {
                found.append(
                    Drift(sessionID: session.id, difference: "\(session.id) \(difference)"))
            }
        }
        return found
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
