import CareerDomain
import Database
import FoundationEssentials

/// The table `messages`: what the embedded broker carries, what waits to be sent to RabbitMQ, and
/// the dead letters of both.
enum MessageTable {
    static func insert(
        _ queue: MessageQueue, _ body: String, in connection: any DatabaseConnection,
        now: Timestamp
    ) throws {
        try connection.execute(
            """
            INSERT INTO messages (id, queue, body, attempts, enqueued_at, due_at, leased_until)
            VALUES (?, ?, ?, 0, ?, ?, 0)
            """,
            [
                .uuid(.version7(at: now, randomness: .random(in: .min ... .max))),
                .text(queue.rawValue), .text(body), .time(now), .time(now),
            ])
    }

    /// How many of a queue's messages there are of each kind.
    struct Counts {
        let queue: String
        var due = 0
        var leased = 0
        var later = 0
        var dead = 0
        var oldest: Timestamp?
    }

    /// One for each queue, those without messages included.
    static func depths(
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
