import Database
import FoundationEssentials
import Values

/// How a user lies in their table. The columns and what reads them stand in one order, here and
/// nowhere else.
package struct UserRow: Sendable, Equatable {
    package let id: UUID
    /// As it was typed; may be missing for a user of another issuer.
    package let email: String?
    /// `nil` for a user of another issuer: they are never found by email.
    package let emailKey: String?
    package let emailVerifiedAt: Timestamp?
    package let passwordHash: String?
    package let fullName: String?
    package let issuer: String?
    let subject: String?
    package let isActive: Bool
    package let createdAt: Timestamp
    package let updatedAt: Timestamp

    static let columns = """
        id, email, email_key, email_verified_at, password_hash, full_name, issuer, subject, \
        is_active, created_at, updated_at
        """

    init(_ row: Row) throws {
        var reader = row.reader
        id = try reader.uuid()
        email = try reader.optionalText()
        emailKey = try reader.optionalText()
        emailVerifiedAt = try reader.optionalTime()
        passwordHash = try reader.optionalText()
        fullName = try reader.optionalText()
        issuer = try reader.optionalText()
        subject = try reader.optionalText()
        isActive = try reader.bool()
        createdAt = try reader.time()
        updatedAt = try reader.time()
    }

    /// Whether a user may act, as the ledger asks of who has no account yet.
    package static let holderStanding = "SELECT is_active FROM users WHERE id = ?"

    /// Whether the user whom the column names may act: 1 or 0, in a statement of another's.
    package static func mayAct(_ column: String) -> String {
        "(SELECT is_active FROM users WHERE id = \(column))"
    }

    package static func find(id: UUID, in connection: any DatabaseConnection) throws -> UserRow? {
        try connection.queryOne("SELECT \(columns) FROM users WHERE id = ?", [.uuid(id)])
            .map(UserRow.init)
    }

    /// The user as they stand until this database transaction ends: nobody changes or erases them
    /// meanwhile. For whatever gives out a session. What else is locked comes after it.
    package static func findLocked(
        id: UUID, in connection: any DatabaseConnection
    ) throws -> UserRow? {
        try connection.queryOne(
            "SELECT \(columns) FROM users WHERE id = ?" + connection.dialect.lockRows,
            [.uuid(id)]
        ).map(UserRow.init)
    }

    package static func find(
        emailKey: String, in connection: any DatabaseConnection
    ) throws -> UserRow? {
        try connection.queryOne(
            "SELECT \(columns) FROM users WHERE email_key = ?", [.text(emailKey)]
        ).map(UserRow.init)
    }
}
