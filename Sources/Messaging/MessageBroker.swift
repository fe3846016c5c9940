import CareerDomain
import Database
import FoundationEssentials

/// A message on its way: enqueued in the database transaction of what caused it, handled at least
/// once.
public struct Message: Sendable, Equatable {
    public let id: UUID
    public let queue: MessageQueue
    /// JSON.
    public let body: String
    /// Tries before this one, those of workers that died in the middle included.
    public let attempts: Int64
    /// When it was accepted.
    public let enqueuedAt: Timestamp

    public init(
        id: UUID, queue: MessageQueue, body: String, attempts: Int64, enqueuedAt: Timestamp
    ) {
        self.id = id
        self.queue = queue
        self.body = body
        self.attempts = attempts
        self.enqueuedAt = enqueuedAt
    }
}

/// A message that no further try would help; it is dead at once.
public struct PoisonMessage: Error, CustomStringConvertible {
    public let description: String

    public init(_ reason: String) {
        description = reason
    }
}

/// Carries messages to their handlers. Durable: what `enqueue`'s database transaction committed is
/// handled or kept as a dead letter.
public protocol MessageBroker: Sendable {
    /// Adds a message within the caller's database transaction.
    func enqueue(
        _ queue: MessageQueue, _ body: String, in connection: any DatabaseConnection,
        now: Timestamp) throws

    /// Takes messages that are due, so that no other worker takes them before the lease is over.
    /// The try counts from now on. A message whose last try never ended comes once more, with all
    /// of its tries behind it, to be rejected.
    func claim(_ limit: Int, now: Timestamp) async throws -> [Message]

    /// The message was handled.
    func acknowledge(_ message: Message) async throws

    /// The try failed: the message comes again after its queue's pause, or is dead.
    /// - Returns: whether it is dead now.
    func reject(
        _ message: Message, reason: String, isPoison: Bool, now: Timestamp
    ) async throws -> Bool
}
