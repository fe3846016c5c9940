import Database
import Foundation
import HTTPEndpoint
import Users
import Values

/// A user's latest checkout page.
package struct Checkouts: Sendable {
    package struct Checkout: Sendable {
        package let sessionID: String?
        package let url: String?
        let planID: UUID
        let successURL: String
        let cancelURL: String
        package let expiresAt: Timestamp

        package func fits(_ order: Order) -> Bool {
            Order(planID: planID, successURL: successURL, cancelURL: cancelURL) == order
        }
    }

    /// What a page is to sell, and where it leads.
    package struct Order: Sendable, Equatable {
        let planID: UUID
        let successURL: String
        let cancelURL: String

        package init(planID: UUID, successURL: String, cancelURL: String) {
            self.planID = planID
            self.successURL = successURL
            self.cancelURL = cancelURL
        }
    }

    let database: any Database

    package init(database: any Database) {
        self.database = database
    }

    package func find(_ user: UUID) async throws -> Checkout? {
        try await database.read { connection in
            let row = try connection.queryOne(
                """
                SELECT session_id, url, plan_id, success_url, cancel_url, expires_at
                FROM checkouts WHERE user_id = ?
                """, [.uuid(user)])
            guard var reader = row?.reader else { return nil }
            return try Checkout(
                sessionID: reader.optionalText(), url: reader.optionalText(),
                planID: reader.uuid(), successURL: reader.text(), cancelURL: reader.text(),
                expiresAt: reader.time())
        }
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
        try await database.write { connection in
            try UserRow.lockBuyer(user, in: connection, now: now)
            let row = try connection.queryOne(
                """
                INSERT INTO checkouts (user_id, attempt, plan_id, success_url, cancel_url,
                    expires_at, customer_key)
                VALUES (?, 1, ?, ?, ?, ?, ?)
                ON CONFLICT (user_id) DO UPDATE SET attempt = checkouts.attempt + 1,
                    url = NULL, plan_id = excluded.plan_id,
                    success_url = excluded.success_url, cancel_url = excluded.cancel_url,
                    expires_at = excluded.expires_at,
                    customer_key = coalesce(checkouts.customer_key, excluded.customer_key)
                RETURNING attempt, session_id, customer_key
                """,
                [
                    .uuid(user), .uuid(order.planID), .text(order.successURL),
                    .text(order.cancelURL), .time(expiresAt),
                    .text("customer-\(user.text)-\(UUID().text)"),
                ])
            guard var reader = row?.reader else { throw DatabaseError.other("no attempt") }
            return try Attempt(
                number: reader.integer(), replaced: reader.optionalText(),
                customerKey: reader.text())
        }
    }

    /// - Returns: false where a later attempt has begun meanwhile; the page is then not kept.
    package func opened(
        _ sessionID: String, url: String, user: UUID, attempt: Attempt, expiresAt: Timestamp
    ) async throws -> Bool {
        try await database.write { connection in
            try connection.execute(
                """
                UPDATE checkouts SET session_id = ?, url = ?, expires_at = ?
                WHERE user_id = ? AND attempt = ?
                """,
                [
                    .text(sessionID), .text(url), .time(expiresAt), .uuid(user),
                    .integer(attempt.number),
                ]) > 0
        }
    }

    package func forgetCustomerKey(_ key: String) async throws {
        try await database.write { try Self.forgetCustomerKey(key, in: $0) }
    }

    package static func forgetCustomerKey(
        _ key: String, in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            "UPDATE checkouts SET customer_key = NULL WHERE customer_key = ?", [.text(key)])
    }

    /// The page was used or has lapsed.
    package func close(_ sessionID: String) async throws {
        _ = try await database.write { connection in
            try connection.execute(
                "UPDATE checkouts SET session_id = NULL, url = NULL WHERE session_id = ?",
                [.text(sessionID)])
        }
    }
}

extension Checkouts {
    /// The user's address, if they have begun to buy something.
    package func emailOfBuyer(_ user: UUID) async throws -> String? {
        try await database.read { connection in
            let begun = try connection.queryOne(
                """
                SELECT 1 FROM checkouts WHERE user_id = ?
                UNION ALL SELECT 1 FROM pack_purchases WHERE user_id = ? LIMIT 1
                """, [.uuid(user), .uuid(user)])
            return begun == nil ? nil : try UserRow.find(id: user, in: connection)?.email
        }
    }
}
