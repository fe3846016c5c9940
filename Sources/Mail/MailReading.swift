import Database
import FoundationEssentials
import Values

extension MailTable {
    /// What was written to a user, without its text: it may hold what only they are to read.
    package struct Sent: Sendable {
        package let id: UUID
        package let recipient: String
        package let subject: String
        package let createdAt: Timestamp
        package let sentAt: Timestamp?
    }

    /// The newest first.
    ///
    /// - Parameter id: of the last mail of the page before.
    package static func page(
        of user: UUID, before id: UUID?, limit: Int, in connection: any DatabaseConnection
    ) throws -> [Sent] {
        try connection.query(
            """
            SELECT id, recipient, subject, created_at, sent_at FROM mails
            WHERE user_id = ? \(id == nil ? "" : "AND id < ?") ORDER BY id DESC LIMIT \(limit)
            """, [.uuid(user)] + (id.map { [.uuid($0)] } ?? [])
        ).map { row in
            var reader = row.reader
            return try Sent(
                id: reader.uuid(), recipient: reader.text(), subject: reader.text(),
                createdAt: reader.time(), sentAt: reader.optionalTime())
        }
    }
}
