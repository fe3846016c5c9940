import Billing
import Database
import Foundation
import HTTPEndpoint
import Ledger
import Stripe
import Values

/// The purchases of packs, one row a page.
package struct PackPurchases: Sendable {
    /// Where a page leads.
    package struct Ways: Sendable, Equatable {
        package let successURL: String
        package let cancelURL: String

        package init(successURL: String, cancelURL: String) {
            self.successURL = successURL
            self.cancelURL = cancelURL
        }
    }

    package struct Page: Sendable {
        package let sessionID: String
        package let url: String

        package init(sessionID: String, url: String) {
            self.sessionID = sessionID
            self.url = url
        }
    }

    let database: any Database
    let product: BilledProduct
    private var table: PackTable { PackTable(of: product) }

    package init(database: any Database, of product: BilledProduct) {
        self.database = database
        self.product = product
    }

    /// Begins a purchase, before its page is made.
    ///
    /// - Throws: ``Problem`` 401 or 404 where the holder is gone.
    package func begin(
        _ pack: CreditPack, for user: UUID, _ ways: Ways, at now: Timestamp, expiresAt: Timestamp
    ) async throws -> PackPurchase {
        let purchase = PackPurchase(
            of: pack, by: user, id: .version7(at: now, randomness: .random(in: .min ... .max)))
        try await database.write { [product] connection in
            try product.lockBuyer(user, connection, now)
            try insert(purchase, ways, at: now, expiresAt: expiresAt, in: connection)
        }
        return purchase
    }

    /// Keeps a purchase that this database has lost.
    ///
    /// - Parameter session: the page that promises it.
    /// - Returns: whether it is there; not where its holder is gone.
    func restore(
        _ purchase: PackPurchase, soldBy session: StripeCheckoutSession
    ) async throws -> Bool {
        try await database.write { [product] connection in
            guard try product.isThere(purchase.userID, true, connection) else { return false }
            try insert(
                purchase, Ways(successURL: "", cancelURL: ""), sessionID: session.id,
                at: Timestamp(ofStripe: session.createdAt),
                expiresAt: Timestamp(ofStripe: session.expiresAt), in: connection)
            return true
        }
    }

    /// One that is there already stays as it is.
    private func insert(
        _ purchase: PackPurchase, _ ways: Ways, sessionID: String? = nil, at: Timestamp,
        expiresAt: Timestamp, in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            """
            INSERT INTO \(table.name) (id, \(table.holder), pack_id, pack_name, credits, valid_days,
                price_minor, currency, success_url, cancel_url, session_id, created_at, expires_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
            """,
            [
                .uuid(purchase.id), .uuid(purchase.userID), .uuid(purchase.packID),
                .text(purchase.packName), .credits(purchase.credits),
                .integer(purchase.validDays), .integer(purchase.price.amount),
                .text(purchase.price.currency.code), .text(ways.successURL),
                .text(ways.cancelURL), .text(sessionID), .time(at), .time(expiresAt),
            ])
    }

    /// Keeps the page, so that asking again leads to it.
    ///
    /// - Throws: ``Problem`` 401 or 404 where the holder is gone, or is about to be: whoever
    ///   deletes them has looked for pages that are open.
    package func opened(
        _ id: UUID, of holder: UUID, _ page: Page, expiresAt: Timestamp, at now: Timestamp
    ) async throws {
        _ = try await database.write { [product, table] connection in
            try product.lockBuyer(holder, connection, now)
            try connection.execute(
                """
                UPDATE \(table.name) SET session_id = ?, url = ?, expires_at = ? WHERE id = ?
                """,
                [.text(page.sessionID), .text(page.url), .time(expiresAt), .uuid(id)])
        }
    }

    /// A page that sells the same, leads to the same places and has some time left.
    package func openPage(
        of pack: CreditPack, for user: UUID, _ ways: Ways, until latest: Timestamp
    ) async throws -> Page? {
        try await database.read { [table] connection in
            let row = try connection.queryOne(
                """
                SELECT session_id, url FROM \(table.name)
                WHERE \(table.holder) = ? AND pack_id = ? AND credits = ? AND price_minor = ?
                    AND currency = ? AND coalesce(valid_days, 0) = ? AND success_url = ?
                    AND cancel_url = ? AND url IS NOT NULL AND expires_at > ?
                ORDER BY id DESC LIMIT 1
                """,
                [
                    .uuid(user), .uuid(pack.id), .credits(pack.credits),
                    .integer(pack.price.amount), .text(pack.price.currency.code),
                    .integer(pack.validDays ?? 0), .text(ways.successURL), .text(ways.cancelURL),
                    .time(latest),
                ])
            guard var reader = row?.reader else { return nil }
            return try Page(sessionID: reader.text(), url: reader.text())
        }
    }

    /// The pages that may still be paid.
    package func openPages(of user: UUID) async throws -> [String] {
        try await database.read { [table] connection in
            try connection.query(
                """
                SELECT session_id FROM \(table.name) WHERE \(table.holder) = ? AND url IS NOT NULL
                """, [.uuid(user)]
            ).map { row in
                var reader = row.reader
                return try reader.text()
            }
        }
    }

    /// The page was used or has lapsed.
    package func close(_ sessionID: String) async throws {
        _ = try await database.write { [table] connection in
            try connection.execute(
                "UPDATE \(table.name) SET url = NULL WHERE session_id = ?", [.text(sessionID)])
        }
    }

    package func find(
        _ id: UUID, in connection: any DatabaseConnection
    ) throws -> PackPurchase? {
        let row = try connection.queryOne(
            "SELECT \(Self.columns(table)) FROM \(table.name) WHERE id = ?", [.uuid(id)])
        guard var reader = row?.reader else { return nil }
        return try PackPurchase(&reader)
    }

    /// What is kept of a purchase besides what the pack said.
    package struct Record: Sendable {
        package let createdAt: Timestamp
        package let paidAt: Timestamp?
        /// What of the money went back; `nil`: it is not paid.
        package let returned: Money?
    }

    /// A page of a holder's purchases, the oldest first. Ids are in the order of time, so that they
    /// are both the order and the key of a page (keyset pagination).
    package static func page(
        of holder: UUID, after id: UUID?, limit: Int64, _ product: BilledProduct = .career,
        in connection: any DatabaseConnection
    ) throws -> [(purchase: PackPurchase, made: Record)] {
        let table = PackTable(of: product)
        return try connection.query(
            """
            SELECT \(columns(table)), created_at, paid_at, returned_minor FROM \(table.name)
            WHERE \(table.holder) = ? \(id == nil ? "" : "AND id > ?") ORDER BY id LIMIT ?
            """, [.uuid(holder)] + (id.map { [.uuid($0)] } ?? []) + [.integer(limit)]
        ).map { row in
            var reader = row.reader
            let purchase = try PackPurchase(&reader)
            return try (
                purchase,
                Record(
                    createdAt: reader.time(), paidAt: reader.optionalTime(),
                    returned: reader.optionalCount().flatMap {
                        Money(amount: $0, currency: purchase.price.currency)
                    })
            )
        }
    }

    private static func columns(_ t: PackTable) -> String {
        "id, \(t.holder), pack_id, pack_name, credits, valid_days, price_minor, currency"
    }

    /// Keeps what Stripe said of the money, for who is asked about it.
    ///
    /// - Parameter grant: what the purchase has granted.
    /// - Returns: whether a bank holds the money since.
    func note(
        _ payment: PackPayment, by intent: String?, of id: UUID, grant: UUID,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Bool {
        let known = try connection.queryOne(
            "SELECT is_disputed FROM \(table.name) WHERE id = ?", [.uuid(id)])
        var reader = known?.reader
        let wasDisputed = try reader?.optionalInteger() == 1
        try connection.execute(
            """
            UPDATE \(table.name) SET payment_intent_id = ?, paid_minor = ?, returned_minor = ?,
                is_disputed = ?, grant_id = ?, paid_at = coalesce(paid_at, ?), url = NULL
            WHERE id = ?
            """,
            [
                .text(intent), .integer(payment.paid), .integer(payment.returned),
                .bool(payment.isDisputed), .uuid(grant), .time(now), .uuid(id),
            ])
        return payment.isDisputed && !wasDisputed
    }

    /// Whether it was paid and granted.
    func isGranted(_ id: UUID, in connection: any DatabaseConnection) throws -> Bool {
        try connection.queryOne(
            "SELECT 1 FROM \(table.name) WHERE id = ? AND paid_at IS NOT NULL", [.uuid(id)]) != nil
    }

    /// Whether a page sold one of them.
    func hasSold(_ sessionID: String) async throws -> Bool {
        try await database.read { [table] connection in
            try connection.queryOne(
                "SELECT 1 FROM \(table.name) WHERE session_id = ?", [.text(sessionID)]) != nil
        }
    }

    /// Whether what the holder's page sells is granted.
    package func isPaid(_ sessionID: String, by user: UUID) async throws -> Bool {
        try await database.read { [table] connection in
            try connection.queryOne(
                """
                SELECT 1 FROM \(table.name)
                WHERE session_id = ? AND \(table.holder) = ? AND paid_at IS NOT NULL
                """, [.text(sessionID), .uuid(user)]) != nil
        }
    }

    /// The page by which a payment was made; `nil` for a payment of none of ours.
    package func session(ofPayment intent: String) async throws -> String? {
        try await database.read { [table] connection in
            let row = try connection.queryOne(
                "SELECT session_id FROM \(table.name) WHERE payment_intent_id = ?",
                [.text(intent)])
            guard var reader = row?.reader else { return nil }
            return try reader.optionalText()
        }
    }
}
