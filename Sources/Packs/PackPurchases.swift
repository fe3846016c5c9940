import Billing
import Database
import Foundation
import HTTPEndpoint
import Ledger
import Stripe
import Users
import Values

/// A pack that a user was shown a page for: what it said then is what is granted, whatever the
/// catalog says when the money comes.
package struct PackPurchase: Sendable, Equatable {
    package let id: UUID
    package let userID: UUID
    package let packID: UUID
    package let packName: String
    package let credits: Credits
    package let validDays: Int64?
    package let price: Money

    package init(
        id: UUID, userID: UUID, packID: UUID, packName: String, credits: Credits,
        validDays: Int64?, price: Money
    ) {
        self.id = id
        self.userID = userID
        self.packID = packID
        self.packName = packName
        self.credits = credits
        self.validDays = validDays
        self.price = price
    }

    /// What its grant is made for.
    package var cause: String { "pack \(id.text)" }
}

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

    package init(database: any Database) {
        self.database = database
    }

    /// Begins a purchase, before its page is made.
    ///
    /// - Throws: ``Problem`` 401 where the user was erased meanwhile.
    package func begin(
        _ pack: CreditPack, for user: UUID, _ ways: Ways, at now: Timestamp, expiresAt: Timestamp
    ) async throws -> PackPurchase {
        let purchase = PackPurchase(
            of: pack, by: user, id: .version7(at: now, randomness: .random(in: .min ... .max)))
        try await database.write { connection in
            try UserRow.lockBuyer(user, in: connection, now: now)
            try Self.insert(purchase, ways, at: now, expiresAt: expiresAt, in: connection)
        }
        return purchase
    }

    /// Keeps a purchase that this database has lost.
    ///
    /// - Parameter session: the page that promises it.
    /// - Returns: whether it is there; not where its user was erased meanwhile.
    func restore(
        _ purchase: PackPurchase, soldBy session: StripeCheckoutSession
    ) async throws -> Bool {
        try await database.write { connection in
            guard try UserRow.findLocked(id: purchase.userID, in: connection) != nil else {
                return false
            }
            try Self.insert(
                purchase, Ways(successURL: "", cancelURL: ""), sessionID: session.id,
                at: Timestamp(ofStripe: session.createdAt),
                expiresAt: Timestamp(ofStripe: session.expiresAt), in: connection)
            return true
        }
    }

    /// One that is there already stays as it is.
    private static func insert(
        _ purchase: PackPurchase, _ ways: Ways, sessionID: String? = nil, at: Timestamp,
        expiresAt: Timestamp, in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            """
            INSERT INTO pack_purchases (id, user_id, pack_id, pack_name, credits, valid_days,
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
    package func opened(
        _ id: UUID, _ page: Page, expiresAt: Timestamp
    ) async throws {
        _ = try await database.write { connection in
            try connection.execute(
                """
                UPDATE pack_purchases SET session_id = ?, url = ?, expires_at = ? WHERE id = ?
                """,
                [.text(page.sessionID), .text(page.url), .time(expiresAt), .uuid(id)])
        }
    }

    /// A page that sells the same, leads to the same places and has some time left.
    package func openPage(
        of pack: CreditPack, for user: UUID, _ ways: Ways, until latest: Timestamp
    ) async throws -> Page? {
        try await database.read { connection in
            let row = try connection.queryOne(
                """
                SELECT session_id, url FROM pack_purchases
                WHERE user_id = ? AND pack_id = ? AND credits = ? AND price_minor = ?
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
        try await database.read { connection in
            try connection.query(
                """
                SELECT session_id FROM pack_purchases WHERE user_id = ? AND url IS NOT NULL
                """, [.uuid(user)]
            ).map { row in
                var reader = row.reader
                return try reader.text()
            }
        }
    }

    /// The page was used or has lapsed.
    package func close(_ sessionID: String) async throws {
        _ = try await database.write { connection in
            try connection.execute(
                "UPDATE pack_purchases SET url = NULL WHERE session_id = ?", [.text(sessionID)])
        }
    }

    package static func find(
        _ id: UUID, in connection: any DatabaseConnection
    ) throws -> PackPurchase? {
        let row = try connection.queryOne(
            "SELECT \(columns) FROM pack_purchases WHERE id = ?", [.uuid(id)])
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

    /// A page of a user's purchases, the oldest first. Ids are in the order of time, so that they
    /// are both the order and the key of a page (keyset pagination).
    package static func page(
        of user: UUID, after id: UUID?, limit: Int64, in connection: any DatabaseConnection
    ) throws -> [(purchase: PackPurchase, made: Record)] {
        try connection.query(
            """
            SELECT \(columns), created_at, paid_at, returned_minor FROM pack_purchases
            WHERE user_id = ? \(id == nil ? "" : "AND id > ?") ORDER BY id LIMIT ?
            """, [.uuid(user)] + (id.map { [.uuid($0)] } ?? []) + [.integer(limit)]
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

    private static let columns =
        "id, user_id, pack_id, pack_name, credits, valid_days, price_minor, currency"

    /// Keeps what Stripe said of the money, for who is asked about it.
    ///
    /// - Parameter grant: what the purchase has granted.
    /// - Returns: whether a bank holds the money since.
    static func note(
        _ payment: PackPayment, by intent: String?, of id: UUID, grant: UUID,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Bool {
        let known = try connection.queryOne(
            "SELECT is_disputed FROM pack_purchases WHERE id = ?", [.uuid(id)])
        var reader = known?.reader
        let wasDisputed = try reader?.optionalInteger() == 1
        try connection.execute(
            """
            UPDATE pack_purchases SET payment_intent_id = ?, paid_minor = ?, returned_minor = ?,
                is_disputed = ?, grant_id = ?, paid_at = coalesce(paid_at, ?), url = NULL
            WHERE id = ?
            """,
            [
                .text(intent), .integer(payment.paid), .integer(payment.returned),
                .bool(payment.isDisputed), .uuid(grant), .time(now), .uuid(id),
            ])
        return payment.isDisputed && !wasDisputed
    }

    /// Whether what the user's page sells is granted.
    package func isPaid(_ sessionID: String, by user: UUID) async throws -> Bool {
        try await database.read { connection in
            try connection.queryOne(
                """
                SELECT 1 FROM pack_purchases
                WHERE session_id = ? AND user_id = ? AND paid_at IS NOT NULL
                """, [.text(sessionID), .uuid(user)]) != nil
        }
    }

    /// The page by which a payment was made; `nil` for a payment of none of ours.
    package func session(ofPayment intent: String) async throws -> String? {
        try await database.read { connection in
            let row = try connection.queryOne(
                "SELECT session_id FROM pack_purchases WHERE payment_intent_id = ?",
                [.text(intent)])
            guard var reader = row?.reader else { return nil }
            return try reader.optionalText()
        }
    }
}

extension PackPurchase {
    fileprivate init(of pack: CreditPack, by user: UUID, id: UUID) {
        self.init(
            id: id, userID: user, packID: pack.id, packName: pack.name, credits: pack.credits,
            validDays: pack.validDays, price: pack.price)
    }

    fileprivate init(_ reader: inout RowReader) throws {
        id = try reader.uuid()
        userID = try reader.uuid()
        packID = try reader.uuid()
        packName = try reader.text()
        credits = try reader.credits()
        validDays = try reader.optionalCount()
        guard let price = Money(amount: try reader.count(), currency: try reader.text()) else {
            throw DatabaseError.decoding("a purchase's price is none")
        }
        self.price = price
    }
}
