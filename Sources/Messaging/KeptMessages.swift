import Database
import FoundationEssentials
import Values

/// What a broker with a server keeps in the table `messages`: what it has sent and not yet deleted,
/// what waits for its next try, and dead letters.
extension MessageTable {
    /// A dead letter that the server has handed back.
    package struct KeptLetter {
        let id: UUID
        let queue: String
        let body: String
        let envelope: MessageEnvelope
        let attempts: Int64
        let reason: String
        let enqueuedAt: Timestamp
        let diedAt: Timestamp

        /// - Parameter queue: its name; one that this program does not know, too.
        package init(
            id: UUID, queue: String, body: String, envelope: MessageEnvelope, attempts: Int64,
            reason: String, enqueuedAt: Timestamp, diedAt: Timestamp
        ) {
            self.id = id
            self.queue = queue
            self.body = body
            self.envelope = envelope
            self.attempts = attempts
            self.reason = reason
            self.enqueuedAt = enqueuedAt
            self.diedAt = diedAt
        }
    }

    /// Keeps dead letters. The row of one may still be there, where the relay has not deleted it
    /// yet.
    package static func keep(
        _ letters: [KeptLetter], in connection: any DatabaseConnection
    ) throws {
        try connection.executeMany(
            """
            INSERT INTO messages (id, queue, body, attempts, reason, enqueued_at, due_at,
                died_at, \(MessageEnvelope.columns), leased_until)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
            ON CONFLICT (id) DO UPDATE SET attempts = excluded.attempts,
                reason = excluded.reason, leased_until = 0, died_at = excluded.died_at
            """,
            letters.map { letter in
                [
                    .uuid(letter.id), .text(letter.queue), .text(letter.body),
                    .integer(letter.attempts), .text(letter.reason), .time(letter.enqueuedAt),
                    .time(letter.enqueuedAt), .time(letter.diedAt),
                ] + letter.envelope.values
            })
    }

    /// Keeps a message for its next try. Its row may still be there, too.
    package static func keep(
        _ message: Message, reason: String, until dueAt: Timestamp,
        in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            """
            INSERT INTO messages (id, queue, body, attempts, reason, enqueued_at, due_at,
                leased_until, \(MessageEnvelope.columns))
            VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?)
            ON CONFLICT (id) DO UPDATE SET attempts = excluded.attempts,
                reason = excluded.reason, due_at = excluded.due_at, leased_until = 0
            """,
            [
                .uuid(message.id), .text(message.queue.rawValue), .text(message.body),
                .integer(message.attempts),
                .text(String(reason.prefix(EmbeddedBroker.maximumReason))),
                .time(message.enqueuedAt), .time(dueAt),
            ] + message.envelope.values)
    }

    /// Deletes what was sent, unless it has come back meanwhile: postponed, or dead.
    package static func delete(
        _ ids: [UUID], leasedUntil lease: Timestamp, in connection: any DatabaseConnection
    ) throws {
        try connection.executeMany(
            "DELETE FROM messages WHERE id = ? AND leased_until = ? AND died_at IS NULL",
            ids.map { [.uuid($0), .time(lease)] })
    }

    /// Lets others take what was not sent.
    package static func release(
        _ ids: [UUID], leasedUntil lease: Timestamp, in connection: any DatabaseConnection
    ) throws {
        try connection.executeMany(
            "UPDATE messages SET leased_until = 0 WHERE id = ? AND leased_until = ?",
            ids.map { [.uuid($0), .time(lease)] })
    }
}
