import Foundation
import Messaging

/// The queues at the broker: `NAME` for what is due, `NAME_retry` for what waits for its next try,
/// `NAME_dead` for what was given up on, on its way into the database. All are durable quorum
/// queues.
package struct RabbitMQQueues: Sendable {
    /// Before each name; tests keep apart by it.
    var prefix = ""
    /// Milliseconds from a failed try to the next, where they are not the queue's own.
    var retryMilliseconds: Int64?

    package init(prefix: String = "", retryMilliseconds: Int64? = nil) {
        self.prefix = prefix
        self.retryMilliseconds = retryMilliseconds
    }

    func name(_ queue: MessageQueue) -> String { prefix + queue.rawValue }
    func retryName(_ queue: MessageQueue) -> String { name(queue) + "_retry" }
    func deadName(_ queue: MessageQueue) -> String { name(queue) + "_dead" }

    var allNames: [String] {
        MessageQueue.allCases.flatMap { [name($0), retryName($0), deadName($0)] }
    }

    /// Those that workers are delivered from.
    var consumedNames: [String] { MessageQueue.allCases.flatMap { [name($0), deadName($0)] } }

    func isDead(_ delivery: Delivery) -> Bool { queue(named: delivery.queue)?.isDead ?? false }

    /// Which queue a name is of, and whether it is its dead one's.
    func queue(named name: String) -> (queue: MessageQueue, isDead: Bool)? {
        guard name.hasPrefix(prefix) else { return nil }
        let rest = name.dropFirst(prefix.count)
        let isDead = rest.hasSuffix("_dead")
        return MessageQueue(rawValue: String(isDead ? rest.dropLast(5) : rest))
            .map { ($0, isDead) }
    }

    /// RabbitMQ 4 gives a message up after 20 deliveries unless told otherwise. This service
    /// counts tries itself.
    private static let deliveryLimit: Int64 = 1_000_000

    /// Makes what is missing. What RabbitMQ moves from queue to queue by itself it moves at least
    /// once: it deletes a message only when the other queue has it, which asks for
    /// `reject-publish`.
    func declare(on connection: RabbitMQConnection) throws {
        func moving(to other: String) -> [String: String] {
            [
                "x-queue-type": "quorum", "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": other, "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",
            ]
        }
        for queue in MessageQueue.allCases {
            try connection.declare(
                deadName(queue), integers: ["x-delivery-limit": Self.deliveryLimit],
                texts: ["x-queue-type": "quorum"])
            try connection.declare(
                name(queue), integers: ["x-delivery-limit": Self.deliveryLimit],
                texts: moving(to: deadName(queue)))
            try connection.declare(
                retryName(queue),
                integers: ["x-message-ttl": retryMilliseconds ?? queue.retryDelay * 1000],
                texts: moving(to: name(queue)))
        }
    }
}

extension RabbitMQConnection {
    /// Messages that are on their way at once, unconfirmed.
    static let confirmWindow = 256
    /// How long the broker may take to confirm what it was sent, in seconds.
    static let confirmTimeout = 10

    /// Publishes messages and waits until the broker has taken or refused each.
    /// - Returns: for each whether it was taken: it is durable, in its queue.
    func publishConfirmed(_ messages: [OutgoingMessage]) throws -> [Bool] {
        var taken: [Bool] = []
        for start in stride(from: 0, to: messages.count, by: Self.confirmWindow) {
            let end = min(start + Self.confirmWindow, messages.count)
            taken += try publishWindow(messages[start..<end])
        }
        return taken
    }

    private func publishWindow(_ messages: ArraySlice<OutgoingMessage>) throws -> [Bool] {
        var indexes: [UInt64: Int] = [:]
        for (index, message) in messages.enumerated() { indexes[try publish(message)] = index }
        var taken = [Bool](repeating: false, count: messages.count)
        var returned: Set<String> = []
        let deadline = ContinuousClock.now + .seconds(Self.confirmTimeout)
        while !indexes.isEmpty {
            guard ContinuousClock.now < deadline else {
                throw RabbitMQError.away("it does not confirm what it is sent")
            }
            switch try nextEvent(milliseconds: 100) {
            case .confirmed(let tag, let isMultiple, let isTaken):
                let confirmed = isMultiple ? indexes.keys.filter { $0 <= tag } : [tag]
                for tag in confirmed {
                    if let index = indexes.removeValue(forKey: tag) { taken[index] = isTaken }
                }
            case .returned(let id): returned.insert(id ?? "")
            case .delivery, nil: continue
            }
        }
        guard !returned.isEmpty else { return taken }
        // Connecting anew makes the queue that is missing; the others were taken and come twice.
        throw RabbitMQError.away("a queue is missing")
    }
}

extension RabbitMQBroker {
    /// The oldest version that dead-letters at least once.
    static let oldestVersion = (major: 3, minor: 10)

    /// Connects once and makes the queues that are missing.
    /// - Throws: ``RabbitMQError`` where it is away, refuses us or is too old.
    public static func checkServer(_ url: RabbitMQURL) async throws {
        try await withCheckedThrowingContinuation {
            (answer: CheckedContinuation<Void, any Error>) in
            // It blocks, so it has a thread of its own.
            Thread {
                answer.resume(with: Result { try checkServerBlocking(url) })
            }.start()
        }
    }

    private static func checkServerBlocking(_ url: RabbitMQURL) throws {
        let connection = try RabbitMQConnection(
            url, patience: RabbitMQConnection.startTimeout)
        defer { connection.close() }
        let version = connection.serverVersion ?? "unknown"
        let numbers = version.split(separator: ".").prefix(2).compactMap { Int($0) }
        guard numbers.count == 2, (numbers[0], numbers[1]) >= oldestVersion else {
            throw RabbitMQError.refused(
                "it has version \(version); \(oldestVersion.major).\(oldestVersion.minor) or newer "
                    + "is needed")
        }
        try RabbitMQQueues().declare(on: connection)
        connection.leave()
    }
}
