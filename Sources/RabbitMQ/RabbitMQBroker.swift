import Database
import Foundation
import Logging
import Messaging
import Values

/// Messages by RabbitMQ. `enqueue` writes to the table `messages` within the caller's database
/// transaction; a relay sends what is there on its way and deletes it once RabbitMQ has confirmed
/// that it is durable. So a broker that is away delays messages and loses none.
///
/// Two connections, each on a thread of its own: one publishes, one is delivered to.
public struct RabbitMQBroker: MessageBroker {
    /// Messages of one queue that are sent ahead: those in work and as many behind them, so that
    /// a worker does not wait for the network.
    static let prefetch: UInt16 = 16

    let database: any Database
    let queues: RabbitMQQueues
    let wall: @Sendable () -> Timestamp
    let publisher: RabbitMQSession
    let consumer: RabbitMQSession
    let inbox: RabbitMQInbox
    let tries: RabbitMQTries
    let relaying = RelaysUnderWay()
    /// ``RabbitMQTries/lostAfter``, which tests do not wait for.
    private let lostAfter: Duration

    /// Connects when it is first used.
    public init(
        _ url: RabbitMQURL, database: any Database, wall: @escaping @Sendable () -> Timestamp,
        logger: Logger
    ) {
        self.init(url, RabbitMQQueues(), database: database, wall: wall, logger: logger)
    }

    package init(
        _ url: RabbitMQURL, _ queues: RabbitMQQueues, database: any Database,
        wall: @escaping @Sendable () -> Timestamp, lostAfter: Duration? = nil, logger: Logger
    ) {
        self.database = database
        self.wall = wall
        self.lostAfter = lostAfter ?? RabbitMQTries.lostAfter
        tries = RabbitMQTries(database: database)
        self.queues = queues
        let inbox = RabbitMQInbox()
        self.inbox = inbox
        publisher = RabbitMQSession(
            "rabbitmq-out", url,
            hooks: .init(prepare: { connection in
                try queues.declare(on: connection)
                try connection.confirmPublishing()
            }), logger: logger)
        consumer = RabbitMQSession(
            "rabbitmq-in", url,
            hooks: .init(
                prepare: { connection in
                    try queues.declare(on: connection)
                    for name in queues.consumedNames {
                        try connection.consume(name, prefetch: Self.prefetch)
                    }
                },
                deliver: { inbox.add($0, isDead: queues.isDead($0)) },
                lost: { inbox.forgetAll() }), logger: logger)
    }

    public func enqueue(
        _ queue: MessageQueue, _ body: String, _ envelope: MessageEnvelope,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try MessageTable.insert(queue, body, envelope, in: connection, now: now)
    }

    public func claim(_ room: ClaimRoom, now: Timestamp) async throws -> [Message] {
        consumer.start()
        try await tries.keepAlive()
        try await keepDeadLetters(now: now)
        let suspect = room.takesSuspect ? try await claimSuspect(room, now: now) : nil
        var free = room.free
        if let suspect { free[suspect.queue] = room.free(suspect.queue) - 1 }
        let names = free.map { (queues.name($0), $1) }
        let taken = inbox.take(Dictionary(uniqueKeysWithValues: names))
        do {
            let begun = try await tries.begin(Array(Set(taken.map(\.delivery.id))))
            return (suspect.map { [$0] } ?? []) + claimed(taken, begun, now: now)
        } catch {
            inbox.putBack(taken, isDead: false)
            guard let suspect else { throw error }
            return [suspect]
        }
    }

    /// Sets aside what somebody else has begun, or the other copy of what comes twice.
    private func claimed(
        _ taken: [RabbitMQInbox.Held], _ begun: Set<UUID>, now: Timestamp
    ) -> [Message] {
        var left = begun
        return taken.compactMap { held in
            guard left.remove(held.delivery.id) != nil else {
                inbox.contest(held)
                return nil
            }
            return message(held, lostTries: 0, now: now)
        }
    }

    /// Looks at what somebody has begun before. Where that worker lives, the message waits until
    /// it has ended its try; where it has died, the message is a suspect.
    private func claimSuspect(_ room: ClaimRoom, now: Timestamp) async throws -> Message? {
        let asked = Set(inbox.contested.map(\.delivery.id))
        guard !asked.isEmpty else { return nil }
        inbox.note(try await tries.traces(of: Array(asked)), of: asked)
        for one in inbox.contested {
            guard let trace = one.trace,
                trace.beat == 0 || ContinuousClock.now - one.since >= lostAfter,
                let queue = queues.queue(named: one.delivery.queue)?.queue, room.free(queue) > 0,
                let held = inbox.take(one)
            else { continue }
            do {
                guard let lost = try await tries.takeOver(held.delivery.id, trace) else {
                    inbox.contest(held)
                    continue
                }
                return message(held, lostTries: lost, now: now)
            } catch {
                inbox.contest(held)
                throw error
            }
        }
        return nil
    }

    private func message(
        _ held: RabbitMQInbox.Held, lostTries: Int64, now: Timestamp
    ) -> Message? {
        let delivery = held.delivery
        guard let queue = queues.queue(named: delivery.queue)?.queue else { return nil }
        return Message(
            id: delivery.id, queue: queue, body: delivery.body, envelope: delivery.envelope,
            attempts: delivery.attempts + lostTries, enqueuedAt: delivery.enqueuedAt(now: now),
            isSuspect: lostTries > 0, receipt: held.receipt)
    }

    public func acknowledge(_ message: Message) async throws {
        guard let delivery = delivery(of: message) else {
            throw RabbitMQError.away("the connection was lost; the message comes again")
        }
        try await settling(message, delivery) {
            try await end(message, delivery)
        }
    }

    public func reject(
        _ message: Message, reason: String, isPoison: Bool, now: Timestamp
    ) async throws -> Bool {
        // A message whose connection was lost comes again, perhaps to another worker.
        guard let delivery = delivery(of: message) else { return false }
        let attempts = min(message.attempts + 1, message.queue.maximumAttempts)
        let isDead = isPoison || attempts >= message.queue.maximumAttempts
        var next = OutgoingMessage(
            queue: isDead ? queues.deadName(message.queue) : queues.retryName(message.queue),
            id: message.id, body: message.body, envelope: message.envelope, attempts: attempts,
            enqueuedAt: message.enqueuedAt)
        if isDead {
            next.reason = String(reason.prefix(EmbeddedBroker.maximumReason))
            next.diedAt = now
        } else {
            next.dueAt = now.adding(seconds: message.queue.retryDelay)
        }
        try await settling(message, delivery) {
            try await publish([next])
            try await end(message, delivery)
        }
        return isDead
    }

    /// The message goes back to the outbox until its time has come: queues of RabbitMQ have one
    /// pause for all of their messages.
    public func postpone(_ message: Message, reason: String, until dueAt: Timestamp) async throws {
        guard let delivery = delivery(of: message) else { return }
        try await settling(message, delivery) {
            try await keep(message, reason: reason, until: dueAt)
            try await end(message, delivery)
        }
    }

    /// `nil` where the connection was lost: then no outcome can be told, and the try does not
    /// count.
    private func delivery(of message: Message) -> Delivery? {
        if let delivery = inbox.delivery(message.receipt) { return delivery }
        tries.undo(message.id)
        return nil
    }

    private func end(_ message: Message, _ delivery: Delivery) async throws {
        try await tries.end(message.id)
        try await settle(delivery, receipt: message.receipt)
    }

    private func keep(_ message: Message, reason: String, until dueAt: Timestamp) async throws {
        _ = try await database.write { connection in
            try MessageTable.keep(message, reason: reason, until: dueAt, in: connection)
        }
    }

    /// Where an outcome cannot be told, the message is given back, since nobody else would have it
    /// while its connection lives; and the try does not count.
    private func settling(
        _ message: Message, _ delivery: Delivery, _ tell: () async throws -> Void
    ) async throws {
        do {
            try await tell()
        } catch {
            inbox.remove(message.receipt)
            tries.undo(message.id)
            do {
                try await consumer.perform { connection in
                    guard connection.id == delivery.connection else { return }
                    try connection.requeue(delivery.tag)
                }
            } catch {
                // The connection is lost, and the message comes again by that.
            }
            throw error
        }
    }

    public var handsOutOnDemand: Bool { false }

    /// What nobody has begun goes back at once, and not only when the connection is closed, which
    /// is when the last that is in work has ended.
    public func stopClaiming() async {
        guard consumer.isStarted else { return }
        let (queues, inbox) = (self.queues, self.inbox)
        do {
            try await consumer.perform { connection in
                for name in queues.consumedNames { try connection.stopConsuming(name) }
                while case .delivery(let delivery) = try connection.nextEvent(milliseconds: 0) {
                    inbox.add(delivery, isDead: queues.isDead(delivery))
                }
            }
            for held in inbox.takeWaiting() {
                let delivery = held.delivery
                try await publish([
                    OutgoingMessage(
                        queue: delivery.queue, id: delivery.id, body: delivery.body,
                        envelope: delivery.envelope, attempts: delivery.attempts,
                        enqueuedAt: delivery.enqueuedAt(now: wall()))
                ])
                try await settle(delivery, receipt: held.receipt)
            }
        } catch {
            // It comes again by itself.
        }
    }

    /// Closes what is still open.
    package func close() async {
        await consumer.stop()
        await publisher.stop()
    }

    /// - Throws: ``RabbitMQError`` unless RabbitMQ has taken all of them.
    func publish(_ messages: [OutgoingMessage]) async throws {
        let taken = try await publisher.perform { try $0.publishConfirmed(messages) }
        guard taken.allSatisfy({ $0 }) else {
            throw RabbitMQError.refused("a queue takes no more messages")
        }
    }

    func settle(_ delivery: Delivery, receipt: Int64) async throws {
        // On another connection the tag would mean another message.
        try await consumer.perform { connection in
            guard connection.id == delivery.connection else { return }
            try connection.acknowledge(delivery.tag)
        }
        inbox.remove(receipt)
    }
}
