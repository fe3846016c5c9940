import Billing
import Database
import FoundationEssentials
import Packs
import Values

/// How purchases lie in their table.
extension TopUpRows {
    /// The invoice and the payment that a grant was bought by.
    static func payment(
        ofGrant id: UUID, in connection: any DatabaseConnection
    ) throws -> (invoiceID: String, intentID: String?)? {
        let row = try connection.queryOne(
            "SELECT invoice_id, payment_intent_id FROM top_up_purchases WHERE grant_id = ?",
            [.uuid(id)])
        guard var reader = row?.reader else { return nil }
        return try (reader.text(), reader.optionalText())
    }

    /// What is kept of a purchase besides what is bought.
    package struct Record: Sendable {
        package let purchase: TopUpPurchase
        package let paidAt: Timestamp?
        /// What of the money went back, in the minor unit; `nil`: it is not paid.
        package let returned: Int64?
    }

    /// A page of a user's purchases, the oldest first.
    package static func purchases(
        of user: UUID, after id: UUID?, limit: Int64, in connection: any DatabaseConnection
    ) throws -> [Record] {
        try connection.query(
            """
            SELECT \(purchaseColumns), paid_at, returned_minor FROM top_up_purchases
            WHERE user_id = ? \(id == nil ? "" : "AND id > ?") ORDER BY id LIMIT ?
            """, [.uuid(user)] + (id.map { [.uuid($0)] } ?? []) + [.integer(limit)]
        ).map { row in
            var reader = row.reader
            return try Record(
                purchase: readPurchase(&reader), paidAt: reader.optionalTime(),
                returned: reader.optionalCount())
        }
    }

    package static func purchase(
        _ id: UUID, in connection: any DatabaseConnection
    ) throws -> TopUpPurchase? {
        try connection.queryOne(
            "SELECT \(purchaseColumns) FROM top_up_purchases WHERE id = ?", [.uuid(id)]
        ).map(readPurchase)
    }

    static func inFlight(
        of user: UUID, in connection: any DatabaseConnection
    ) throws -> TopUpPurchase? {
        try connection.queryOne(
            """
            SELECT \(purchaseColumns) FROM top_up_purchases
            WHERE user_id = ? AND status IN ('open', 'giving_up')
            """, [.uuid(user)]
        ).map(readPurchase)
    }

    /// When one of a user's was last begun, tried or paid: it is tried where it is begun.
    static func lastActive(
        _ user: UUID, in connection: any DatabaseConnection
    ) throws -> Timestamp? {
        let row = try connection.queryOne(
            "SELECT max(tried_at), max(paid_at) FROM top_up_purchases WHERE user_id = ?",
            [.uuid(user)])
        guard var reader = row?.reader else { return nil }
        return try [reader.optionalTime(), reader.optionalTime()].compactMap(\.self).max()
    }

    /// The card of a user's latest try.
    static func lastCard(
        of user: UUID, in connection: any DatabaseConnection
    ) throws -> String? {
        let row = try connection.queryOne(
            """
            SELECT card FROM top_up_purchases WHERE user_id = ?
            ORDER BY tried_at DESC, id DESC LIMIT 1
            """, [.uuid(user)])
        guard var reader = row?.reader else { return nil }
        return try reader.optionalText()
    }

    static func paid(
        by user: UUID, since start: Timestamp, in connection: any DatabaseConnection
    ) throws -> Int64 {
        let row = try connection.queryOne(
            """
            SELECT count(*) FROM top_up_purchases
            WHERE user_id = ? AND status = 'paid' AND (tried_at >= ? OR paid_at >= ?)
            """, [.uuid(user), .time(start), .time(start)])
        guard var reader = row?.reader else { return 0 }
        return try reader.count()
    }

    static func save(
        _ purchase: TopUpPurchase, in connection: any DatabaseConnection
    ) throws {
        let standing: [SQLValue] = [
            .text(purchase.status.rawValue), .text(purchase.invoiceID), .integer(purchase.tries),
            .time(purchase.triedAt), .bool(purchase.isTrying), .text(purchase.card),
            .integer(purchase.usedKeys),
        ]
        let changed = try connection.execute(
            """
            UPDATE top_up_purchases SET status = ?, invoice_id = ?, tries = ?, tried_at = ?,
                is_trying = ?, card = ?, used_keys = ?
            WHERE id = ?
            """, standing + [.uuid(purchase.id)])
        guard changed == 0 else { return }
        try connection.execute(
            """
            INSERT INTO top_up_purchases (id, user_id, \(terms), begun_at, status, invoice_id,
                tries, tried_at, is_trying, card, used_keys)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [.uuid(purchase.id), .uuid(purchase.userID)] + values(purchase.terms)
                + [.time(purchase.begunAt)] + standing)
    }

    /// Keeps what Stripe said of the money of a purchase, which is paid.
    ///
    /// - Returns: whether a bank holds the money since.
    static func note(
        _ payment: PackPayment, by intent: String?, of id: UUID, grant: UUID,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Bool {
        let known = try connection.queryOne(
            "SELECT is_disputed FROM top_up_purchases WHERE id = ?", [.uuid(id)])
        var reader = known?.reader
        let wasDisputed = try reader?.optionalInteger() == 1
        try connection.execute(
            """
            UPDATE top_up_purchases SET status = 'paid', is_trying = 0, payment_intent_id = ?,
                paid_minor = ?, returned_minor = ?, is_disputed = ?, grant_id = ?,
                paid_at = coalesce(paid_at, ?)
            WHERE id = ?
            """,
            [
                .text(intent), .integer(payment.paid), .integer(payment.returned),
                .bool(payment.isDisputed), .uuid(grant), .time(now), .uuid(id),
            ])
        return payment.isDisputed && !wasDisputed
    }

    private static let purchaseColumns =
        "id, user_id, \(terms), begun_at, status, invoice_id, tries, tried_at, is_trying, card, "
        + "used_keys"

    private static func readPurchase(_ row: Row) throws -> TopUpPurchase {
        var reader = row.reader
        return try readPurchase(&reader)
    }

    private static func readPurchase(_ reader: inout RowReader) throws -> TopUpPurchase {
        let (id, user) = (try reader.uuid(), try reader.uuid())
        let (terms, begunAt) = (try readTerms(&reader), try reader.time())
        let status = try reader.oneOf(TopUpPurchase.Status.self)
        let (invoice, tries) = (try reader.optionalText(), try reader.count())
        var purchase = try TopUpPurchase(
            id: id, userID: user, terms: terms, begunAt: begunAt, triedAt: reader.time())
        purchase.status = status
        purchase.invoiceID = invoice
        purchase.tries = tries
        purchase.isTrying = try reader.bool()
        purchase.card = try reader.optionalText()
        purchase.usedKeys = try reader.count()
        return purchase
    }
}
