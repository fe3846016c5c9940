import Database
import FoundationEssentials
import Values

/// The table `messages`: what the embedded broker carries, what waits to be sent to RabbitMQ, and
/// the dead letters of both.
package enum MessageTable {
    package static func insert(
        _ queue: MessageQueue, _ body: String, _ envelope: MessageEnvelope,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try connection.execute(
            """
            INSERT INTO messages (id, queue, body, attempts, enqueued_at, due_at, leased_until,
                \(MessageEnvelope.columns))
            VALUES (?, ?, ?, 0, ?, ?, 0, ?, ?)
            """,
            [
                .uuid(.version7(at: now, randomness: .random(in: .min ... .max))),
                .text(queue.rawValue), .text(body), .time(now), .time(now),
            ] + envelope.values)
    }

    /// What could be leased.
    package struct Due {
        /// Those that have messages which nobody holds.
        package var queues: [MessageQueue] = []
        /// Whether a lease has run out: who held it has died.
        package var hasOverdue = false
    }

    /// Asks once for all queues. Each question is answered from an index, so a long queue costs no
    /// more than an empty one.
    package static func due(
        in connection: any DatabaseConnection, now: Timestamp, wall: Timestamp
    ) throws -> Due {
        let columns = MessageQueue.allCases.map { queue in
            """
            CASE WHEN EXISTS (SELECT 1 FROM messages WHERE died_at IS NULL AND leased_until = 0
                AND queue = '\(queue.rawValue)' AND due_at <= ?) THEN 1 ELSE 0 END
            """
        }
        let row = try connection.queryOne(
            """
            SELECT \(columns.joined(separator: ", ")),
                CASE WHEN EXISTS (SELECT 1 FROM messages WHERE died_at IS NULL
                    AND leased_until > 0 AND leased_until <= ?) THEN 1 ELSE 0 END
            """,
            MessageQueue.allCases.map { _ in .time(now) } + [.time(wall)])
        var due = Due()
        guard var reader = row?.reader else { return due }
        for queue in MessageQueue.allCases where try reader.integer() == 1 {
            due.queues.append(queue)
        }
        due.hasOverdue = try reader.integer() == 1
        return due
    }

    /// Whether somebody holds a message until later than this.
    static func isLeased(
        beyond end: Timestamp, in connection: any DatabaseConnection
    ) throws -> Bool {
        try connection.queryOne(
            """
            SELECT 1 FROM messages
            WHERE died_at IS NULL AND leased_until > 0 AND leased_until > ? LIMIT 1
            """, [.time(end)]) != nil
    }

    package struct Leased {
        package let id: UUID
        package let queue: MessageQueue
        package let body: String
        package let envelope: MessageEnvelope
        package let attempts: Int64
        package let enqueuedAt: Timestamp
    }

    /// Leases messages of one queue that nobody holds, the longest due first.
    ///
    /// PostgreSQL may run a subquery that stands in `IN` more than once, and lock other rows each
    /// time; one that is materialized it runs once.
    package static func lease(
        _ queue: MessageQueue, _ limit: Int, until end: Timestamp, countingTries tries: Int,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws -> [Leased] {
        try leased(
            """
            WITH due AS MATERIALIZED (SELECT id FROM messages
                WHERE died_at IS NULL AND leased_until = 0 AND queue = ? AND due_at <= ?
                ORDER BY due_at, id LIMIT ?\(connection.dialect.lockFreeRows))
            """, [.text(queue.rawValue), .time(now), .integer(limit)], until: end, tries, connection
        )
    }

    /// Leases messages of these queues whose lease has run out.
    package static func leaseOverdue(
        of queues: [MessageQueue], _ limit: Int, until end: Timestamp, countingTries tries: Int,
        in connection: any DatabaseConnection, wall: Timestamp
    ) throws -> [Leased] {
        let names = queues.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        return try leased(
            """
            WITH due AS MATERIALIZED (SELECT id FROM messages
                WHERE died_at IS NULL AND leased_until > 0 AND leased_until <= ?
                    AND queue IN (\(names))
                ORDER BY leased_until, id LIMIT ?\(connection.dialect.lockFreeRows))
            """, [.time(wall), .integer(limit)], until: end, tries, connection)
    }

    private static func leased(
        _ due: String, _ arguments: [SQLValue], until end: Timestamp, _ tries: Int,
        _ connection: any DatabaseConnection
    ) throws -> [Leased] {
        try connection.query(
            """
            \(due)
            UPDATE messages SET attempts = attempts + ?, leased_until = ?
            WHERE id IN (SELECT id FROM due)
            RETURNING id, queue, body, \(MessageEnvelope.columns), attempts, enqueued_at
            """, arguments + [.integer(tries), .time(end)]
        ).map { row in
            var reader = row.reader
            return try Leased(
                id: reader.uuid(), queue: reader.oneOf(MessageQueue.self), body: reader.text(),
                envelope: MessageEnvelope(&reader), attempts: reader.integer(),
                enqueuedAt: reader.time())
        }
    }

    /// How many of a queue's messages there are of each kind.
    package struct Counts {
        package let queue: String
        package var due = 0
        package var leased = 0
        package var later = 0
        package var dead = 0
        package var oldest: Timestamp?
    }

    /// One for each queue, those without messages included.
    package static func depths(
        in connection: any DatabaseConnection, now: Timestamp, wall: Timestamp
    ) throws -> [Counts] {
        var all: [String: Counts] = [:]
        for queue in MessageQueue.allCases {
            all[queue.rawValue] = Counts(queue: queue.rawValue)
        }
        let rows = try connection.query(
            """
            SELECT queue, count(CASE WHEN due_at <= ? AND leased_until <= ? THEN 1 END),
                count(CASE WHEN due_at <= ? AND leased_until > ? THEN 1 END),
                count(CASE WHEN due_at > ? THEN 1 END), min(enqueued_at)
            FROM messages WHERE died_at IS NULL GROUP BY queue
            """, [.time(now), .time(wall), .time(now), .time(wall), .time(now)])
        for row in rows {
            var reader = row.reader
            var counts = try Counts(queue: reader.text())
            counts.due = try Int(reader.integer())
            counts.leased = try Int(reader.integer())
            counts.later = try Int(reader.integer())
            counts.oldest = try reader.time()
            all[counts.queue] = counts
        }
        let dead = try connection.query(
            "SELECT queue, count(*) FROM messages WHERE died_at IS NOT NULL GROUP BY queue")
        for row in dead {
            var reader = row.reader
            let queue = try reader.text()
            all[queue, default: Counts(queue: queue)].dead = try Int(reader.integer())
        }
        return all.values.sorted { $0.queue < $1.queue }
    }
}
