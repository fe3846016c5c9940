import Database
import Foundation
import HTTPEndpoint
import Users
import Values

/// The table of a product's checkouts: all are alike but for its name, the column that says whose a
/// row is, and the seats.
package struct CheckoutTable: Sendable {
    package let name: String
    package let holder: String
    /// Whether `seat_count` is among its columns.
    let hasSeats: Bool

    package init(name: String, holder: String, hasSeats: Bool) {
        self.name = name
        self.holder = holder
        self.hasSeats = hasSeats
    }

    package static var career: CheckoutTable {
        CheckoutTable(name: "checkouts", holder: "user_id", hasSeats: false)
    }

    /// The latest page of a holder, open or not; `nil` where they have begun none.
    package func find(
        _ id: UUID, in connection: any DatabaseConnection
    ) throws -> Checkouts.Checkout? {
        let row = try connection.queryOne(
            """
            SELECT session_id, url, plan_id, success_url, cancel_url, expires_at
                \(hasSeats ? ", seat_count" : "")
            FROM \(name) WHERE \(holder) = ?
            """, [.uuid(id)])
        guard var reader = row?.reader else { return nil }
        return try Checkouts.Checkout(
            sessionID: reader.optionalText(), url: reader.optionalText(),
            planID: reader.uuid(), successURL: reader.text(), cancelURL: reader.text(),
            expiresAt: reader.time(), seats: hasSeats ? reader.optionalCount() : nil)
    }
}

/// A holder's latest checkout page.
package struct Checkouts: Sendable {
    package struct Checkout: Sendable {
        package let sessionID: String?
        package let url: String?
        let planID: UUID
        let successURL: String
        let cancelURL: String
        package let expiresAt: Timestamp
        let seats: Int64?

        package func fits(_ order: Order) -> Bool {
            Order(planID: planID, seats: seats, successURL: successURL, cancelURL: cancelURL)
                == order
        }
    }

    /// What a page is to sell, and where it leads.
    package struct Order: Sendable, Equatable {
        package let planID: UUID
        /// `nil` where the plan has none.
        package let seats: Int64?
        package let successURL: String
        package let cancelURL: String

        package init(
            planID: UUID, seats: Int64? = nil, successURL: String, cancelURL: String
        ) {
            self.planID = planID
            self.seats = seats
            self.successURL = successURL
            self.cancelURL = cancelURL
        }
    }

    package let database: any Database
    package let product: BilledProduct
    private var table: CheckoutTable { product.checkouts }

    package init(database: any Database, of product: BilledProduct = .career) {
        self.database = database
        self.product = product
    }

    package func find(_ holder: UUID) async throws -> Checkout? {
        try await database.read { [table] in try table.find(holder, in: $0) }
    }

    package struct Attempt: Sendable {
        package let number: Int64
        /// The page that was the latest until now.
        package let replaced: String?
        /// The idempotency key under which the user's customer is made, where they have none: the
        /// same for every attempt until Stripe has answered it.
        package let customerKey: String
    }

    /// From now on this attempt is the user's latest, whichever process makes another.
    ///
    /// - Throws: ``Problem`` 401 where the user was erased meanwhile, or is about to be.
    package func begin(
        _ order: Order, user: UUID, at now: Timestamp, expiresAt: Timestamp
    ) async throws -> Attempt {
        try await database.write { [product, table] connection in
            try product.lockBuyer(user, connection, now)
            let (column, mark) = table.hasSeats ? (", seat_count", ", ?") : ("", "")
            let row = try connection.queryOne(
                """
                INSERT INTO \(table.name) (\(table.holder), attempt, plan_id, success_url,
                    cancel_url, expires_at, customer_key\(column))
                VALUES (?, 1, ?, ?, ?, ?, ?\(mark))
                ON CONFLICT (\(table.holder)) DO UPDATE SET attempt = \(table.name).attempt + 1,
                    url = NULL, plan_id = excluded.plan_id,
                    success_url = excluded.success_url, cancel_url = excluded.cancel_url,
                    expires_at = excluded.expires_at,
                    customer_key = coalesce(\(table.name).customer_key, excluded.customer_key)
                    \(table.hasSeats ? ", seat_count = excluded.seat_count" : "")
                RETURNING attempt, session_id, customer_key
                """,
                [
                    .uuid(user), .uuid(order.planID), .text(order.successURL),
                    .text(order.cancelURL), .time(expiresAt),
                    .text("customer-\(user.text)-\(UUID().text)"),
                ] + (table.hasSeats ? [.integer(order.seats)] : []))
            guard var reader = row?.reader else { throw DatabaseError.other("no attempt") }
            return try Attempt(
                number: reader.integer(), replaced: reader.optionalText(),
                customerKey: reader.text())
        }
    }

    /// - Returns: false where a later attempt has begun meanwhile; the page is then not kept.
    /// - Throws: ``Problem`` 401 or 404 where the holder is gone, or is about to be: whoever
    ///   deletes them has looked for pages that are open.
    package func opened(
        _ sessionID: String, url: String, user: UUID, attempt: Attempt, expiresAt: Timestamp,
        at now: Timestamp
    ) async throws -> Bool {
        try await database.write { [product, table] connection in
            try product.lockBuyer(user, connection, now)
            return try connection.execute(
                """
                UPDATE \(table.name) SET session_id = ?, url = ?, expires_at = ?
                WHERE \(table.holder) = ? AND attempt = ?
                """,
                [
                    .text(sessionID), .text(url), .time(expiresAt), .uuid(user),
                    .integer(attempt.number),
                ]) > 0
        }
    }

    package func forgetCustomerKey(_ key: String) async throws {
        try await database.write { [table] in
            try Self.forgetCustomerKey(key, table, in: $0)
        }
    }

    static func forgetCustomerKey(
        _ key: String, _ table: CheckoutTable, in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            "UPDATE \(table.name) SET customer_key = NULL WHERE customer_key = ?", [.text(key)])
    }

    /// The page was used or has lapsed.
    package func close(_ sessionID: String) async throws {
        _ = try await database.write { [table] connection in
            try connection.execute(
                "UPDATE \(table.name) SET session_id = NULL, url = NULL WHERE session_id = ?",
                [.text(sessionID)])
        }
    }

    /// The page of a holder is nobody's any more.
    static func closePage(
        of holder: UUID, _ table: CheckoutTable, in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            """
            UPDATE \(table.name) SET session_id = NULL, url = NULL WHERE \(table.holder) = ?
            """, [.uuid(holder)])
    }
}
