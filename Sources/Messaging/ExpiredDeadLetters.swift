import Database
import Values

extension DeadLetters {
    /// Erases dead letters that died by then, the oldest first.
    ///
    /// - Returns: how many they were.
    package static func erase(
        of queue: MessageQueue, until end: Timestamp, limit: Int64,
        in connection: any DatabaseConnection
    ) throws -> Int {
        try connection.execute(
            """
            DELETE FROM messages WHERE id IN (
                SELECT id FROM messages
                WHERE died_at <= ? AND queue = '\(queue.rawValue)'
                ORDER BY died_at LIMIT ?)
            """, [.time(end), .integer(limit)])
    }
}
