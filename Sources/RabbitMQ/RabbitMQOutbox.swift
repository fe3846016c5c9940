import Database
import Foundation
import Logging
import Messaging
import ServiceLifecycle
import Values

/// Sends what waits in the outbox to RabbitMQ, in each process that has the broker.
public struct OutboxRelay: Service {
    /// How long an idle relay waits before it looks again.
    static let idlePause = Duration.milliseconds(25)
    /// The same while the broker or the database is away.
    static let awayPause = Duration.milliseconds(500)

    private let broker: RabbitMQBroker
    private let now: @Sendable () -> Timestamp
    private let logger: Logger

    public init(broker: RabbitMQBroker, now: @escaping @Sendable () -> Timestamp, logger: Logger) {
        self.broker = broker
        self.now = now
        self.logger = logger
    }

    /// Runs until a shutdown is asked for, then closes the connections to RabbitMQ.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            // A broker that takes messages and confirms none would get them all over and over:
            // after a failure one goes ahead alone.
            var limit = RabbitMQBroker.maximumBatch
            while !Task.isCancelled {
                var pause = Self.idlePause
                do {
                    let sent = try await broker.flush(limit, now: now())
                    limit = RabbitMQBroker.maximumBatch
                    if sent > 0 { continue }
                } catch {
                    logger.debug("outbox waits", metadata: ["error": "\(error)"])
                    limit = 1
                    pause = Self.awayPause
                }
                do {
                    try await Task.sleep(for: pause)
                } catch {
                    // A shutdown was asked for.
                    return
                }
            }
        }
        await broker.close()
    }
}

extension RabbitMQBroker {
    /// Messages that are sent at once.
    package static let maximumBatch = 256
    /// How long other relays leave alone what one has taken, in seconds: above the time that
    /// connecting and confirming may take. One that dies in between has its messages sent twice.
    static let relayLease: Int64 = 60

    /// Sends what is due.
    /// - Returns: how many messages were sent.
    /// - Throws: ``RabbitMQError/away(_:)``; then all of them are still there.
    package func flush(_ limit: Int = maximumBatch, now: Timestamp) async throws -> Int {
        try await relaying.during { try await send(limit, now: now) }
    }

    private func send(_ limit: Int, now: Timestamp) async throws -> Int {
        let wallNow = wall()
        let due = try await database.read { connection in
            try MessageTable.due(in: connection, now: now, wall: wallNow)
        }
        guard !due.queues.isEmpty || due.hasOverdue else { return 0 }
        // Nothing is taken while there is nobody to give it to.
        try await publisher.perform { _ in }
        let lease = wallNow.adding(seconds: Self.relayLease)
        let messages = try await takeFromOutbox(limit, due, now: now, wall: wallNow, until: lease)
        guard !messages.isEmpty else { return 0 }
        do {
            let taken = try await publisher.perform { try $0.publishConfirmed(messages) }
            let sent = zip(messages, taken).filter(\.1).map(\.0)
            try await forget(sent, lease: lease)
            if sent.count < messages.count {
                try await release(zip(messages, taken).filter { !$1 }.map(\.0), lease: lease)
                throw RabbitMQError.refused("a queue takes no more messages")
            }
        } catch {
            try await release(messages, lease: lease)
            throw error
        }
        return messages.count
    }

    /// Leases as much of each queue as of the others, so that one which RabbitMQ does not take
    /// messages for leaves room for them.
    private func takeFromOutbox(
        _ limit: Int, _ due: MessageTable.Due, now: Timestamp, wall: Timestamp,
        until lease: Timestamp
    ) async throws -> [OutgoingMessage] {
        let share = max(1, limit / max(1, due.queues.count))
        let leased = try await database.write { connection in
            var leased: [MessageTable.Leased] = []
            if due.hasOverdue {
                leased += try MessageTable.leaseOverdue(
                    of: MessageQueue.allCases, limit, until: lease, countingTries: 0,
                    in: connection, wall: wall)
            }
            for queue in due.queues.shuffled() where leased.count < limit {
                leased += try MessageTable.lease(
                    queue, min(share, limit - leased.count), until: lease, countingTries: 0,
                    in: connection, now: now)
            }
            return leased
        }
        return leased.map {
            OutgoingMessage(
                queue: queues.name($0.queue), id: $0.id, body: $0.body, envelope: $0.envelope,
                attempts: $0.attempts, enqueuedAt: $0.enqueuedAt)
        }
    }

    /// Deletes what was sent, unless it has come back meanwhile: postponed, or dead.
    private func forget(_ messages: [OutgoingMessage], lease: Timestamp) async throws {
        _ = try await database.write { connection in
            try MessageTable.delete(messages.map(\.id), leasedUntil: lease, in: connection)
        }
    }

    private func release(_ messages: [OutgoingMessage], lease: Timestamp) async throws {
        _ = try await database.write { connection in
            try MessageTable.release(messages.map(\.id), leasedUntil: lease, in: connection)
        }
    }
}

/// What was given up on: kept in the database.
extension RabbitMQBroker {
    /// Takes what was given up on into the database, where it is listed, retried and discarded.
    func keepDeadLetters(now: Timestamp) async throws {
        let held = inbox.takeDead()
        guard !held.isEmpty else { return }
        let queues = self.queues
        do {
            _ = try await database.write { connection in
                try MessageTable.keep(
                    held.map { Self.letter(of: $0.delivery, queues, now: now) }, in: connection)
                try RabbitMQTries.strikeOut(held.map(\.delivery.id), in: connection)
            }
            for one in held { try await settle(one.delivery, receipt: one.receipt) }
        } catch {
            inbox.putBack(held, isDead: true)
            throw error
        }
    }

    private static func letter(
        of delivery: Delivery, _ queues: RabbitMQQueues, now: Timestamp
    ) -> MessageTable.KeptLetter {
        MessageTable.KeptLetter(
            id: delivery.id,
            queue: queues.queue(named: delivery.queue)?.queue.rawValue ?? delivery.queue,
            body: delivery.body, envelope: delivery.envelope, attempts: delivery.attempts,
            reason: delivery.reason, enqueuedAt: delivery.enqueuedAt(now: now),
            diedAt: delivery.diedAt ?? now)
    }
}

/// How it stands.
extension RabbitMQBroker {
    public func check() async throws {
        let name = queues.name(.usageCommits)
        _ = try await publisher.perform { try $0.messageCount(name) }
    }

    public func depths(now: Timestamp) async throws -> [QueueDepth] {
        let wallNow = wall()
        let table = try await database.read { connection in
            try MessageTable.depths(in: connection, now: now, wall: wallNow)
        }
        let (atBroker, here) = (await countsAtBroker(), inbox.counts)
        let oldest = inbox.oldest(now: now)
        return table.map { counts in
            var depth = QueueDepth(queue: counts.queue)
            depth.outbox = counts.due + counts.leased
            (depth.paused, depth.dead) = (counts.later, counts.dead)
            depth.oldest = counts.oldest
            guard let queue = MessageQueue(rawValue: counts.queue) else { return depth }
            let (name, dead) = (queues.name(queue), queues.deadName(queue))
            depth.waiting = atBroker[name] ?? 0
            depth.inWork = here[name] ?? 0
            depth.paused += atBroker[queues.retryName(queue)] ?? 0
            depth.dead += (atBroker[dead] ?? 0) + (here[dead] ?? 0)
            depth.oldest = [depth.oldest, oldest[name]].compactMap { $0 }.min()
            return depth
        }
    }

    /// Nothing where RabbitMQ is away.
    private func countsAtBroker() async -> [String: Int] {
        let names = queues.allNames
        do {
            return try await publisher.perform { try $0.counts(names) }
        } catch {
            return [:]
        }
    }

    /// RabbitMQ's pauses are the wall's time, and a clock that was moved cannot move them: what a
    /// moved clock has made due is fetched out of the retry queues.
    public func catchUp(now: Timestamp) async throws -> Bool {
        while try await flush(now: now) > 0 {}
        // What another relay of this process has taken is neither due here nor at the broker yet.
        guard !relaying.isUnderWay else { return false }
        let queues = self.queues
        try await publisher.perform { connection in
            for queue in MessageQueue.allCases {
                // A queue that nobody uses is not asked for a message: after a crash of RabbitMQ
                // it may be without a leader and leave that question unanswered.
                guard try connection.messageCount(queues.retryName(queue)) > 0 else { continue }
                try connection.bringForward(queue, queues, now: now)
            }
        }
        // A message that has left its queue may not be here yet. It is there before the answer to
        // the second question, which was asked after the first had found the queue empty.
        for _ in 0..<2 { guard try await isEmpty() else { return false } }
        return true
    }

    /// What others have in work only they know: a message that was begun has no time in the table
    /// of tries, and that of a worker that died stays there.
    public func hasInWork() -> Bool { relaying.isUnderWay }

    private func isEmpty() async throws -> Bool {
        let names = queues.consumedNames
        let session = consumer.isStarted ? consumer : publisher
        let counts = try await session.perform { try $0.counts(names) }
        return counts.values.allSatisfy { $0 == 0 } && inbox.counts.isEmpty
    }
}

extension RabbitMQConnection {
    fileprivate func counts(_ names: [String]) throws -> [String: Int] {
        var counts: [String: Int] = [:]
        for name in names { counts[name] = try messageCount(name) }
        return counts
    }

    /// Moves what is due by now from the retry queue to its own.
    fileprivate func bringForward(
        _ queue: MessageQueue, _ queues: RabbitMQQueues, now: Timestamp
    ) throws {
        while let delivery = try get(queues.retryName(queue)) {
            guard let dueAt = delivery.dueAt, dueAt <= now else { return try requeue(delivery.tag) }
            let message = OutgoingMessage(
                queue: queues.name(queue), id: delivery.id, body: delivery.body,
                envelope: delivery.envelope, attempts: delivery.attempts,
                enqueuedAt: delivery.enqueuedAt(now: now))
            guard try publishConfirmed([message]) == [true] else {
                throw RabbitMQError.refused("a queue takes no more messages")
            }
            try acknowledge(delivery.tag)
        }
    }
}

/// For tests, which ask for more than the service does.
extension RabbitMQBroker {
    /// Delivered messages that nobody has begun.
    package var deliveredAhead: Int { inbox.waitingCount }

    /// Has messages sent ahead, as a first claim does.
    package func startDelivery() { consumer.start() }

    package func deleteQueues() async throws {
        let names = queues.allNames
        try await publisher.perform { connection in
            for name in names { try connection.delete(name) }
        }
    }
}
