import Database
import FoundationEssentials
import Values

/// One of those who run the service.
package struct OperatorRow: Sendable, Equatable {
    package let id: UUID
    package let email: String
    package let emailKey: String
    package let role: OperatorRole
    let passwordHash: String
    /// Encrypted under `OPERATOR_SECRET`.
    let sealedSecret: [UInt8]
    /// The step of the last code that was used.
    let usedStep: Int64
    package let createdAt: Timestamp

    private static let columns = """
        id, email, email_key, role, password_hash, totp_secret, totp_step, created_at
        """

    private init(_ row: Row) throws {
        var reader = row.reader
        id = try reader.uuid()
        email = try reader.text()
        emailKey = try reader.text()
        role = try reader.oneOf(OperatorRole.self)
        passwordHash = try reader.text()
        sealedSecret = try reader.blob()
        usedStep = try reader.integer()
        createdAt = try reader.time()
    }

    static func find(
        emailKey: String, in connection: any DatabaseConnection
    ) throws -> OperatorRow? {
        try connection.queryOne(
            "SELECT \(columns) FROM operators WHERE email_key = ?", [.text(emailKey)]
        ).map(OperatorRow.init)
    }

    /// The operator as they stand until this database transaction ends: two codes, or two grants
    /// within one day's limit, are judged one after the other.
    static func findLocked(
        id: UUID, in connection: any DatabaseConnection
    ) throws -> OperatorRow? {
        try connection.queryOne(
            "SELECT \(columns) FROM operators WHERE id = ?" + connection.dialect.lockRows,
            [.uuid(id)]
        ).map(OperatorRow.init)
    }

    package static func all(in connection: any DatabaseConnection) throws -> [OperatorRow] {
        try connection.query("SELECT \(columns) FROM operators ORDER BY email_key")
            .map(OperatorRow.init)
    }
}
