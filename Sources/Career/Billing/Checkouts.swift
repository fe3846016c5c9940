import CareerDomain
import Database
import Foundation

/// A user's latest checkout page.
struct Checkouts: Sendable {
    struct Checkout: Sendable {
        let sessionID: String?
        let url: String?
        let planID: UUID
        let successURL: String
        let cancelURL: String
        let expiresAt: Timestamp

        func fits(_ request: CareerCheckoutRequest) -> Bool {
            planID == request.planID && successURL == request.successURL
                && cancelURL == request.cancelURL
        }
    }

    let database: any Database

    func find(_ user: UUID) async throws -> Checkout? {
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

    struct Attempt: Sendable {
        /// Makes its idempotency key.
        let number: Int64
        /// The page that was the latest until now.
        let replaced: String?
    }

    /// From now on this attempt is the user's latest, whichever process makes another.
    func begin(
        _ request: CareerCheckoutRequest, user: UUID, expiresAt: Timestamp
    ) async throws -> Attempt {
        try await database.write { connection in
            let row = try connection.queryOne(
                """
                INSERT INTO checkouts (user_id, attempt, plan_id, success_url, cancel_url,
                    expires_at)
                VALUES (?, 1, ?, ?, ?, ?)
                ON CONFLICT (user_id) DO UPDATE SET attempt = checkouts.attempt + 1,
                    url = NULL, plan_id = excluded.plan_id,
                    success_url = excluded.success_url, cancel_url = excluded.cancel_url,
                    expires_at = excluded.expires_at
                RETURNING attempt, session_id
                """,
                [
                    .uuid(user), .uuid(request.planID), .text(request.successURL),
                    .text(request.cancelURL), .time(expiresAt),
                ])
            guard var reader = row?.reader else { throw DatabaseError.other("no attempt") }
            return try Attempt(number: reader.integer(), replaced: reader.optionalText())
        }
    }

    /// - Returns: false where a later attempt has begun meanwhile; the page is then not kept.
    func opened(
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

    /// The page was used or has lapsed.
    func close(_ sessionID: String) async throws {
        _ = try await database.write { connection in
            try connection.execute(
                "UPDATE checkouts SET session_id = NULL, url = NULL WHERE session_id = ?",
                [.text(sessionID)])
        }
    }
}
