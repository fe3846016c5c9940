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

    /// - Returns: the number of this attempt, which makes its idempotency key.
    func begin(
        _ request: CareerCheckoutRequest, user: UUID, expiresAt: Timestamp
    ) async throws -> Int64 {
        try await database.write { connection in
            let row = try connection.queryOne(
                """
                INSERT INTO checkouts (user_id, attempt, plan_id, success_url, cancel_url,
                    expires_at)
                VALUES (?, 1, ?, ?, ?, ?)
                ON CONFLICT (user_id) DO UPDATE SET attempt = checkouts.attempt + 1,
                    session_id = NULL, url = NULL, plan_id = excluded.plan_id,
                    success_url = excluded.success_url, cancel_url = excluded.cancel_url,
                    expires_at = excluded.expires_at
                RETURNING attempt
                """,
                [
                    .uuid(user), .uuid(request.planID), .text(request.successURL),
                    .text(request.cancelURL), .time(expiresAt),
                ])
            guard var reader = row?.reader else { throw DatabaseError.other("no attempt") }
            return try reader.integer()
        }
    }

    /// - Returns: false where a later attempt has begun meanwhile, in another process.
    func opened(
        _ sessionID: String, url: String, user: UUID, attempt: Int64, expiresAt: Timestamp
    ) async throws -> Bool {
        try await database.write { connection in
            try connection.execute(
                """
                UPDATE checkouts SET session_id = ?, url = ?, expires_at = ?
                WHERE user_id = ? AND attempt = ?
                """,
                [
                    .text(sessionID), .text(url), .time(expiresAt), .uuid(user),
                    .integer(attempt),
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
