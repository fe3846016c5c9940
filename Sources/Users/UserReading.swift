import Database
import FoundationEssentials

/// Users as an operator looks for them, and what is asked of many.
extension UserRow {
    /// The newest first; ids are in the order of time, so they are the key of a page.
    ///
    /// - Parameter id: of the last user of the page before.
    package static func page(
        before id: UUID?, limit: Int, in connection: any DatabaseConnection
    ) throws -> [UserRow] {
        let behind = id == nil ? "" : "WHERE id < ?"
        return try connection.query(
            "SELECT \(columns) FROM users \(behind) ORDER BY id DESC LIMIT \(limit)",
            id.map { [.uuid($0)] } ?? []
        ).map(UserRow.init)
    }

    /// The addresses of these users, as far as they have some.
    package static func emails(
        of ids: [UUID], in connection: any DatabaseConnection
    ) throws -> [UUID: String] {
        var emails: [UUID: String] = [:]
        let answers = try connection.queryMany(
            "SELECT email FROM users WHERE id = ?", ids.map { [.uuid($0)] })
        for (id, rows) in zip(ids, answers) {
            guard var reader = rows.first?.reader else { continue }
            emails[id] = try reader.optionalText()
        }
        return emails
    }

    /// Whether one of these users has proven the address, in any case and by whatever issuer.
    package static func isVerified(
        _ email: EmailAddress, ofOneOf ids: [UUID], in connection: any DatabaseConnection
    ) throws -> Bool {
        try connection.queryMany(
            """
            SELECT 1 FROM users WHERE id = ? AND lower(email) = ? AND email_verified_at IS NOT NULL
            """, ids.map { [.uuid($0), .text(email.key)] }
        ).contains { !$0.isEmpty }
    }
}
