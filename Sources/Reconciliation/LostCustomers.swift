import Billing
import Database
import Foundation
import Ledger
import LedgerStore
import Stripe
import Values

/// Customers at Stripe who have bought something and whose holder here has no customer, or not even
/// an account: this database was restored from before their first purchase.
struct LostCustomers {
    struct Lost: Sendable {
        let userID: UUID
        let customerID: String
        let named: String

        var difference: String {
            "\(named): \(customerID) has bought at Stripe and is unknown here"
        }
    }

    /// Nobody restores an older database, in seconds.
    private static let horizon: Int64 = 90 * 86_400

    let stripe: StripeClient
    let database: any Database
    let product: BilledProduct

    /// By the pages that were completed, which name their holder. One who was deleted at Stripe is
    /// nobody any more.
    func find(at now: Timestamp) async throws -> [Lost] {
        var seen: Set<String> = []
        var found: [UUID: Lost] = [:]
        let since = max(0, now.seconds - Self.horizon)
        for session in try await stripe.listCompleteCheckoutSessions(since) {
            guard let customer = session.customerID, seen.insert(customer).inserted,
                let user = session.metadata[product.holderKey].flatMap(UUID.init(uuidString:)),
                found[user] == nil, try await isWithoutCustomer(user),
                try await exists(customer)
            else { continue }
            found[user] = Lost(
                userID: user, customerID: customer, named: product.named(user))
        }
        return found.values.sorted { $0.userID < $1.userID }
    }

    /// Stripe answers for a deleted customer, and does not know one of another account.
    private func exists(_ customer: String) async throws -> Bool {
        let found = try await ifKnown { () async throws(StripeError) in
            try await stripe.retrieveCustomer(customer)
        }
        return found.map { !$0.isDeleted } ?? false
    }

    private func isWithoutCustomer(_ user: UUID) async throws -> Bool {
        try await database.read { [product] connection in
            try product.isToOpen(user, connection)
                || LinkedSubscription.isWithoutCustomer(user, of: product.tables, in: connection)
        }
    }
}
