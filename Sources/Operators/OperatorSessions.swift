import Crypto
import Database
import FoundationEssentials
import Values

/// A signed-in operator, as one request meets them.
package struct OperatorSession: Sendable {
    package let id: UUID
    package let operatorID: UUID
    package let email: String
    package let role: OperatorRole
    /// Until when no further code is asked for; `nil` where none was shown since the sign-in.
    package let steppedUpUntil: Timestamp?
    package let expiresAt: Timestamp

    /// How long a sign-in lasts, by the wall's clock: moving the development clock ends none.
    package static let lifetimeSeconds: Int64 = 12 * 3600
    /// How long a fresh code is good for what moves money.
    package static let stepUpSeconds: Int64 = 10 * 60

    package func isSteppedUp(_ now: Timestamp) -> Bool {
        steppedUpUntil.map { now < $0 } ?? false
    }

    static func hash(_ secret: String) -> [UInt8] { Array(SHA256.hash(data: Array(secret.utf8))) }

    private static let columns = """
        operator_sessions.id, operators.id, operators.email, operators.role,
        operator_sessions.stepped_up_at, operator_sessions.expires_at
        FROM operator_sessions JOIN operators ON operators.id = operator_sessions.operator_id
        """

    private init(_ row: Row) throws {
        var reader = row.reader
        id = try reader.uuid()
        operatorID = try reader.uuid()
        email = try reader.text()
        role = try reader.oneOf(OperatorRole.self)
        steppedUpUntil = try reader.optionalTime()?.adding(seconds: Self.stepUpSeconds)
        expiresAt = try reader.time()
    }

    static func find(
        secret: String, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> OperatorSession? {
        try connection.queryOne(
            """
            SELECT \(columns)
            WHERE operator_sessions.secret_hash = ? AND operator_sessions.expires_at > ?
            """, [.blob(hash(secret)), .time(now)]
        ).map(OperatorSession.init)
    }

    static func find(
        id: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> OperatorSession? {
        try connection.queryOne(
            """
            SELECT \(columns)
            WHERE operator_sessions.id = ? AND operator_sessions.expires_at > ?
            """, [.uuid(id), .time(now)]
        ).map(OperatorSession.init)
    }

    /// Begins a session, and forgets those of the operator that are over.
    static func begin(
        of operatorID: UUID, secret: String, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try connection.execute(
            "DELETE FROM operator_sessions WHERE operator_id = ? AND expires_at <= ?",
            [.uuid(operatorID), .time(now)])
        try connection.execute(
            """
            INSERT INTO operator_sessions
                (id, operator_id, secret_hash, created_at, expires_at, stepped_up_at)
            VALUES (?, ?, ?, ?, ?, NULL)
            """,
            [
                .uuid(.version7(at: now, randomness: .random(in: .min ... .max))),
                .uuid(operatorID), .blob(hash(secret)), .time(now),
                .time(now.adding(seconds: lifetimeSeconds)),
            ])
    }
}
