import GRDB
import JSON

/// The answers to POST requests that carried a key: docs.stripe.com/api/idempotent_requests.
extension Account {
    package static let keyLifetime: Int64 = 24 * 3_600
    static let maximumKeyLength = 255

    package struct StoredAnswer: Sendable {
        package var status: Int
        package var body: String

        package init(status: Int, body: String) {
            self.status = status
            self.body = body
        }
    }

    /// The answer that was given to this key before. Other parameters than then are a refusal.
    package func storedAnswer(key: String, fingerprint: String) throws -> StoredAnswer? {
        let row = try Row.fetchOne(
            db,
            sql: """
                SELECT fingerprint, status, body FROM idempotency WHERE key = ? AND created > ?
                """, arguments: [key, sandboxTime - Self.keyLifetime])
        guard let row else { return nil }
        guard row["fingerprint"] == fingerprint else {
            throw StripeError(
                400, "idempotency_error",
                "Keys for idempotent requests can only be used with the same parameters they "
                    + "were first used with. Try using a key other than '\(key)' if you meant "
                    + "to execute a different request.")
        }
        return StoredAnswer(status: row["status"], body: row["body"])
    }

    /// Keeps an answer. Refused parameters are not kept: the request was never carried out.
    package func store(_ answer: StoredAnswer, key: String, fingerprint: String) throws {
        try db.execute(
            sql: "DELETE FROM idempotency WHERE created <= ?",
            arguments: [sandboxTime - Self.keyLifetime])
        guard ![400, 401, 404, 409, 429].contains(answer.status) else { return }
        try db.execute(
            sql: """
                INSERT OR REPLACE INTO idempotency (key, fingerprint, status, body, created)
                VALUES (?, ?, ?, ?, ?)
                """, arguments: [key, fingerprint, answer.status, answer.body, sandboxTime])
    }
}
