import Database
import Foundation
import Values

/// The messages that name an account, which are erased with it.
public enum AccountMessages {
    /// Erases what says by its column that it is about the account: commits have nothing left to
    /// settle, and mails are gone. What Stripe told is still to be worked off, or to be tried again
    /// by an operator, since money hangs on it: it keeps Stripe's ids and loses ours.
    ///
    /// Then what names the account without such a column. That is not only what the version before
    /// the column enqueued: a tool server publishes commits by RabbitMQ, and those of them that
    /// died stand here with what their body says. So rows without an account are searched whatever
    /// their age; a row with one names no other account in its body. A handler's error may name
    /// anybody, so the reasons are searched in all rows.
    public static func erase(_ accountID: UUID, in connection: any DatabaseConnection) throws {
        let id = accountID.text
        let (column, text) = (SQLValue.uuid(accountID), SQLValue.text(id))
        let pattern = SQLValue.text("%\(id)%")
        try connection.execute(
            "DELETE FROM messages WHERE account_id = ? AND queue IN (\(erasedQueues))", [column])
        try connection.execute(
            """
            UPDATE messages SET account_id = NULL, body = replace(body, ?, 'null')
            WHERE account_id = ?
            """, [.text("\"\(id)\""), column])
        try connection.execute(
            "DELETE FROM messages WHERE account_id IS NULL AND queue = ? AND body LIKE ?",
            [.text(MessageQueue.usageCommits.rawValue), pattern])
        try connection.execute(
            """
            UPDATE messages SET body = replace(body, ?, 'null'),
                reason = replace(reason, ?, 'a deleted user')
            WHERE account_id IS NULL AND body LIKE ? OR reason LIKE ?
            """, [.text("\"\(id)\""), text, pattern, pattern])
    }

    /// Erases messages without an account whose body begins with one of these texts.
    ///
    /// - Parameter length: characters that each of the texts has.
    public static func erase(
        _ queue: MessageQueue, beginningWith texts: [String], of length: Int,
        in connection: any DatabaseConnection
    ) throws {
        for start in stride(from: 0, to: texts.count, by: maximumTexts) {
            let some = texts[start..<min(start + maximumTexts, texts.count)]
            let places = Array(repeating: "?", count: some.count).joined(separator: ", ")
            try connection.execute(
                """
                DELETE FROM messages WHERE account_id IS NULL AND queue = ?
                    AND substr(body, 1, \(length)) IN (\(places))
                """, [.text(queue.rawValue)] + some.map { .text($0) })
        }
    }

    /// Texts that one statement looks for.
    private static let maximumTexts = 500

    private static let erasedQueues = [MessageQueue.usageCommits, .emails]
        .map { "'\($0.rawValue)'" }.joined(separator: ", ")
}
