import Database
import FoundationEssentials

/// Users as an operator looks for them.
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
}
