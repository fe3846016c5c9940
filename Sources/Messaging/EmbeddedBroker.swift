import Database
import Foundation
import Values

/// The broker that needs no broker: a table beside the data. A message becomes visible with the
/// database transaction that enqueued it.
public struct EmbeddedBroker: MessageBroker {
    /// How long a worker may hold a message before another takes it: far above any handler's time
    /// budget. Leases are wall time, whatever the development clock says.
    static let lease: Int64 = 300
    /// How long a message counts as in work for who waits for it, in seconds: one that hangs, or
    /// whose worker has died, is not waited for any longer.
    static let workTime: Int64 = 10
    /// The longest reason that is kept of a failed try.
    package static let maximumReason = 1000

    private let database: any Database
    private let wall: @Sendable () -> Timestamp
    public let longestIdlePause: Duration
    private let bell = Bell()

    /// - Parameter longestIdlePause: how late at most is seen what another process enqueues, and
    ///   what comes again after its pause.
    public init(
        database: any Database, longestIdlePause: Duration = .seconds(1),
        wall: @escaping @Sendable () -> Timestamp
    ) {
        self.longestIdlePause = longestIdlePause
        self.database = database
        self.wall = wall
    }

    public func enqueue(
        _ queue: MessageQueue, _ body: String, _ envelope: MessageEnvelope,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try MessageTable.insert(queue, body, envelope, in: connection, now: now)
        bell.ring()
    }

    public func onEnqueue(_ ring: @escaping @Sendable () -> Void) { bell.onRing(ring) }

    public func claim(_ room: ClaimRoom, now: Timestamp) async throws -> [Message] {
        let wallNow = wall()
        let open = MessageQueue.allCases.filter { room.free($0) > 0 }
        guard !open.isEmpty else { return [] }
        let due = try await database.read { connection in
            try MessageTable.due(in: connection, now: now, wall: wallNow)
        }
        let queues = due.queues.filter(open.contains)
        let takesSuspect = room.takesSuspect && due.hasOverdue
        guard !queues.isEmpty || takesSuspect else { return [] }
        let lease = wallNow.adding(seconds: Self.lease)
        return try await database.write { connection in
            // The try is counted before it is made: a worker that dies has used it up.
            var messages =
                try takesSuspect
                ? MessageTable.leaseOverdue(
                    of: open, 1, until: lease, countingTries: 1, in: connection, wall: wallNow
                ).map { Self.message($0, isSuspect: true) } : []
            for queue in queues {
                let suspects = messages.count { $0.isSuspect && $0.queue == queue }
                messages += try MessageTable.lease(
                    queue, room.free(queue) - suspects, until: lease, countingTries: 1,
                    in: connection, now: now
                ).map { Self.message($0, isSuspect: false) }
            }
            return messages
        }
    }

    private static func message(_ leased: MessageTable.Leased, isSuspect: Bool) -> Message {
        Message(
            id: leased.id, queue: leased.queue, body: leased.body, envelope: leased.envelope,
            attempts: leased.attempts - 1, enqueuedAt: leased.enqueuedAt, isSuspect: isSuspect)
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

    public func hasInWork() async throws -> Bool {
        let end = wall().adding(seconds: Self.lease - Self.workTime)
        return try await database.read { try MessageTable.isLeased(beyond: end, in: $0) }
    }

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
