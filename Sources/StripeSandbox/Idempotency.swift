import GRDB
import JSON

/// The answers to POST requests that carried a key: docs.stripe.com/api/idempotent_requests.
extension Account {
    static let keyLifetime: Int64 = 24 * 3_600
    static let maximumKeyLength = 255

    struct StoredAnswer: Sendable {
        var status: Int
        var body: String
    }

    /// The answer that was given to this key before. Other parameters than then are a refusal.
    func storedAnswer(key: String, fingerprint: String) throws -> StoredAnswer? {
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
    func store(_ answer: StoredAnswer, key: String, fingerprint: String) throws {
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
