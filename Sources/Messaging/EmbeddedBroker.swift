import CareerDomain
import Database
import Foundation

/// The broker that needs no broker: a table beside the data. A message becomes visible with the
/// database transaction that enqueued it.
public struct EmbeddedBroker: MessageBroker {
    /// How long a worker may hold a message before another takes it: far above any handler's time
    /// budget. Leases are wall time, whatever the development clock says.
    static let lease: Int64 = 300
    /// The longest reason that is kept of a failed try.
    static let maximumReason = 1000

    private let database: any Database
    private let wall: @Sendable () -> Timestamp

    public init(database: any Database, wall: @escaping @Sendable () -> Timestamp) {
        self.database = database
        self.wall = wall
    }

    public func enqueue(
        _ queue: MessageQueue, _ body: String, in connection: any DatabaseConnection,
        now: Timestamp
    ) throws {
        try MessageTable.insert(queue, body, in: connection, now: now)
    }

    public func claim(_ limit: Int, now: Timestamp) async throws -> [Message] {
        let wallNow = wall()
        let leases = try await database.read { connection in
            try connection.query(
                """
                SELECT leased_until FROM messages
                WHERE died_at IS NULL AND due_at <= ? AND leased_until <= ?
                ORDER BY due_at, id LIMIT ?
                """, [.time(now), .time(wallNow), .integer(limit)]
            ).map { row in
                var reader = row.reader
                return try reader.integer()
            }
        }
        guard !leases.isEmpty else { return [] }
        // A lease that has run out means a worker that died: what it held comes one at a time,
        // so that a message that kills its worker uses up no other's tries.
        let limit = leases.allSatisfy { $0 == 0 } ? limit : 1
        return try await database.write { connection in
            // The try is counted before it is made: a worker that dies has used it up.
            try connection.query(
                """
                WITH due AS MATERIALIZED (SELECT id FROM messages
                    WHERE died_at IS NULL AND due_at <= ? AND leased_until <= ?
                    ORDER BY due_at, id LIMIT ?\(connection.dialect.lockFreeRows))
                UPDATE messages SET attempts = attempts + 1, leased_until = ?
                WHERE id IN (SELECT id FROM due)
                RETURNING id, queue, body, attempts, enqueued_at
                """,
                [
                    .time(now), .time(wallNow), .integer(limit),
                    .time(wallNow.adding(seconds: Self.lease)),
                ]
            ).map { row in
                var reader = row.reader
                return try Message(
                    id: reader.uuid(), queue: reader.oneOf(MessageQueue.self),
                    body: reader.text(), attempts: reader.integer() - 1, enqueuedAt: reader.time())
            }
        }
    }

    public func acknowledge(_ message: Message) async throws {
        _ = try await database.write { connection in
            try connection.execute("DELETE FROM messages WHERE id = ?", [.uuid(message.id)])
        }
    }

    public func reject(
        _ message: Message, reason: String, isPoison: Bool, now: Timestamp
    ) async throws -> Bool {
        let attempts = message.attempts + 1
        let maximum = message.queue.maximumAttempts
        let isDead = isPoison || attempts >= maximum
        let reason = String(reason.prefix(Self.maximumReason))
        // A worker that outlived its lease has no say in a later try.
        let changed = try await database.write { connection in
            try connection.execute(
                """
                UPDATE messages SET attempts = ?, reason = ?, due_at = ?, leased_until = 0,
                    died_at = ?
                WHERE id = ? AND attempts = ? AND died_at IS NULL
                """,
                [
                    .integer(min(attempts, maximum)), .text(reason),
                    .time(now.adding(seconds: message.queue.retryDelay)),
                    isDead ? .time(now) : .null, .uuid(message.id), .integer(attempts),
                ])
        }
        return isDead && changed > 0
    }

    public func postpone(_ message: Message, reason: String, until dueAt: Timestamp) async throws {
        _ = try await database.write { connection in
            try connection.execute(
                """
                UPDATE messages SET attempts = ?, reason = ?, due_at = ?, leased_until = 0
                WHERE id = ? AND attempts = ? AND died_at IS NULL
                """,
                [
                    .integer(message.attempts), .text(String(reason.prefix(Self.maximumReason))),
                    .time(dueAt), .uuid(message.id), .integer(message.attempts + 1),
                ])
        }
    }

    public var handsOutOnDemand: Bool { true }

    public func stopClaiming() {}

    public func catchUp(now: Timestamp) -> Bool { true }

    public func check() async throws {
        _ = try await database.read { try $0.query("SELECT 1 FROM messages LIMIT 1") }
    }

    public func depths(now: Timestamp) async throws -> [QueueDepth] {
        let wallNow = wall()
        return try await database.read { connection in
            try MessageTable.depths(in: connection, now: now, wall: wallNow).map { counts in
                var depth = QueueDepth(queue: counts.queue)
                (depth.waiting, depth.inWork) = (counts.due, counts.leased)
                (depth.paused, depth.dead) = (counts.later, counts.dead)
                depth.oldest = counts.oldest
                return depth
            }
        }
    }
}
