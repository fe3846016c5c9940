import Billing
import Database
import Foundation
import LedgerStore
import Values

/// Customers at Stripe that are not linked yet: who may have one, and the idempotency keys under
/// which a user's first customer is made.
extension Checkouts {
    /// The address of who buys for a holder, if they have begun to buy something.
    package func emailOfBuyer(_ holder: UUID) async throws -> String? {
        try await database.read { [product] connection in
            let packs = PackTable(of: product)
            let begun = try connection.queryOne(
                """
                SELECT 1 FROM \(product.checkouts.name) WHERE \(product.checkouts.holder) = ?
                UNION ALL SELECT 1 FROM \(packs.name) WHERE \(packs.holder) = ? LIMIT 1
                """, [.uuid(holder), .uuid(holder)])
            return begun == nil ? nil : try product.address(holder, connection)
        }
    }

    /// The keys under which a customer of the user may be made at this moment, or was made and the
    /// answer lost. Stripe answers who repeats one with that very customer.
    /// After a day Stripe has forgotten it.
    package func openCustomerKeys(of user: UUID, at now: Timestamp) async throws -> [String] {
        try await database.read { [database, product] connection in
            let (tables, table) = (product.tables, product.checkouts)
            if try LinkedSubscription.customer(of: user, of: tables, in: connection) != nil {
                return []
            }
            let checkout = try connection.query(
                """
                SELECT customer_key FROM \(table.name)
                WHERE \(table.holder) = ? AND customer_key IS NOT NULL AND expires_at > ?
                """, [.uuid(user), .time(now)]
            ).map { row in
                var reader = row.reader
                return try reader.text()
            }
            return try checkout
                + PackPurchases(database: database, of: product).openCustomerKeys(
                    of: user, at: now, in: connection)
        }
    }
}

extension PackPurchases {
    /// The keys under which a customer may be made for a purchase whose page is not there yet.
    func openCustomerKeys(
        of user: UUID, at now: Timestamp, in connection: any DatabaseConnection
    ) throws -> [String] {
        let table = PackTable(of: product)
        return try connection.query(
            """
            SELECT id FROM \(table.name)
            WHERE \(table.holder) = ? AND session_id IS NULL AND expires_at > ?
            ORDER BY id DESC LIMIT ?
            """, [.uuid(user), .time(now), .integer(Self.maximumOpenKeys)]
        ).flatMap { row in
            var reader = row.reader
            return try Self.customerKeys(of: reader.uuid())
        }
    }

    /// Of purchases that came to no page, the latest.
    private static let maximumOpenKeys: Int64 = 10

    /// The idempotency keys under which a purchase makes the user's customer, if they have none:
    /// the first, and the one for when what was known of them is gone at Stripe.
    package static func customerKeys(of purchase: UUID) -> [String] {
        ["customer-\(purchase.text)", "customer-\(purchase.text)-anew"]
    }
}
