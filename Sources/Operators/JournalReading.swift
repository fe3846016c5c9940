import Database
import FoundationEssentials
import Values

/// A line of the journal as it is read.
package struct JournalLine: Sendable {
    package let id: UUID
    package let actor: String
    package let action: String
    package let userID: UUID?
    package let subject: String?
    package let reason: String?
    package let credits: Credits?
    package let outcome: String
    package let requestID: String?
    package let createdAt: Timestamp

    private static let columns = """
        id, actor, action, user_id, subject, reason, credits, outcome, request_id, created_at
        """

    private init(_ row: Row) throws {
        var reader = row.reader
        id = try reader.uuid()
        actor = try reader.text()
        action = try reader.text()
        userID = try reader.optionalUUID()
        subject = try reader.optionalText()
        reason = try reader.optionalText()
        credits = try reader.optionalCredits()
        outcome = try reader.text()
        requestID = try reader.optionalText()
        createdAt = try reader.time()
    }

    /// The newest first; ids are ordered by time.
    ///
    /// - Parameters:
    ///   - before: the last line of the page before; `nil` for the first page.
    ///   - user: whom the lines are about; `nil` for all.
    ///   - act: what was done; `nil` for all.
    package static func page(
        before: UUID?, user: UUID? = nil, act: OperatorAct? = nil, limit: Int,
        in connection: any DatabaseConnection
    ) throws -> [JournalLine] {
        var conditions: [String] = []
        var arguments: [SQLValue] = []
        if let before {
            conditions.append("id < ?")
            arguments.append(.uuid(before))
        }
        if let user {
            conditions.append("user_id = ?")
            arguments.append(.uuid(user))
        }
        if let act {
            conditions.append("action = ?")
            arguments.append(.text(act.rawValue))
        }
        let filter = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        return try connection.query(
            """
            SELECT \(columns) FROM operator_actions \(filter)
            ORDER BY id DESC LIMIT \(limit)
            """, arguments
        ).map(JournalLine.init)
    }
}
