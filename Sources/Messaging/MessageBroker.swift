import Database
import FoundationEssentials
import Values

/// A message on its way: enqueued in the database transaction of what caused it, handled at least
/// once.
public struct Message: Sendable, Equatable {
    public let id: UUID
    public let queue: MessageQueue
    /// JSON.
    public let body: String
    public let envelope: MessageEnvelope
    /// Tries before this one, those of workers that died in the middle included.
    public let attempts: Int64
    /// When it was accepted.
    public let enqueuedAt: Timestamp
    /// Whether a worker died while it had the message in work: perhaps of it.
    public let isSuspect: Bool
    /// By what the broker that handed it out knows it again.
    package let receipt: Int64

    public init(
        id: UUID, queue: MessageQueue, body: String, envelope: MessageEnvelope, attempts: Int64,
        enqueuedAt: Timestamp, isSuspect: Bool = false, receipt: Int64 = 0
    ) {
        self.envelope = envelope
        self.isSuspect = isSuspect
        self.receipt = receipt
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

/// The message could not be handled because another service is away: it comes again, after longer
/// and longer pauses, and no try is used up.
public struct PostponedMessage: Error, CustomStringConvertible {
    /// The longest pause, in seconds.
    static let longestPause: Int64 = 15 * 60
    /// How long a message is kept coming again, in seconds. RFC 5321 §4.5.4.1 asks four days at
    /// least of those who deliver mail.
    static let patience: Int64 = 4 * 86_400

    public let description: String

    public init(_ reason: String) {
        description = reason
    }

    /// Seconds until the message comes again: about as long as it has waited already, so that the
    /// pauses double; `nil` where it has waited long enough.
    static func pause(of message: Message, now: Timestamp) -> Int64? {
        let age = message.enqueuedAt.secondsRoundedUp(until: now)
        guard age < patience else { return nil }
        return min(max(age, message.queue.retryDelay), longestPause)
    }
}

/// What a worker has room for.
public struct ClaimRoom: Sendable, Equatable {
    /// How many more messages of each queue.
    public var free: [MessageQueue: Int]
    /// Whether it takes a message that a worker may have died of. One of them is handed out at
    /// once, so that a message that kills its worker takes no other suspect with it.
    public var takesSuspect: Bool

    public init(free: [MessageQueue: Int], takesSuspect: Bool = true) {
        self.free = free
        self.takesSuspect = takesSuspect
    }

    /// Room for so many of each queue.
    public init(each limit: Int) {
        self.init(free: Dictionary(uniqueKeysWithValues: MessageQueue.allCases.map { ($0, limit) }))
    }

    package func free(_ queue: MessageQueue) -> Int { max(0, free[queue] ?? 0) }
}

/// Carries messages to their handlers. Durable: what `enqueue`'s database transaction committed is
/// handled or kept as a dead letter.
public protocol MessageBroker: Sendable {
    /// Adds a message within the caller's database transaction.
    func enqueue(
        _ queue: MessageQueue, _ body: String, _ envelope: MessageEnvelope,
        in connection: any DatabaseConnection, now: Timestamp) throws

    /// Has `ring` called whenever this process enqueues a message. The message is visible to a
    /// claim a moment later, when the database transaction that enqueued it has ended.
    func onEnqueue(_ ring: @escaping @Sendable () -> Void)

    /// How long a worker that has had no work for a while may wait before it claims again.
    var longestIdlePause: Duration { get }

    /// Takes messages that are due, so that no other worker takes them while this one lives. The
    /// try counts from now on. A message whose last try never ended comes once more, with all of
    /// its tries behind it, to be rejected.
    ///
    /// A worker that lives calls it over and over, also where it has no room.
    /// - Returns: no more of each queue than there is room for, and one suspect at most.
    func claim(_ room: ClaimRoom, now: Timestamp) async throws -> [Message]

    /// The message was handled.
    func acknowledge(_ message: Message) async throws

    /// The try failed: the message comes again after its queue's pause, or is dead.
    /// - Returns: whether it is dead now.
    func reject(
        _ message: Message, reason: String, isPoison: Bool, now: Timestamp
    ) async throws -> Bool

    /// The try does not count: the message comes again at that time.
    func postpone(_ message: Message, reason: String, until dueAt: Timestamp) async throws

    /// Whether ``claim(_:now:)`` has messages for whoever asks. Where it is false, messages are
    /// sent ahead to who has asked once, and only a worker that goes on asking may.
    var handsOutOnDemand: Bool { get }

    /// Nobody claims any more here: gives back what was sent ahead. What was claimed can still be
    /// answered for.
    func stopClaiming() async

    /// For a clock that was moved: sends on its way what is due by now.
    /// - Returns: whether nothing due is left that a claim has not handed out yet.
    func catchUp(now: Timestamp) async throws -> Bool

    /// For a clock that was moved: whether a worker of whichever process has taken a message a
    /// moment ago and not answered for it, as far as the broker can tell.
    func hasInWork() async throws -> Bool

    /// Throws where the broker does not answer.
    func check() async throws

    func depths(now: Timestamp) async throws -> [QueueDepth]
}

/// What a broker does whose server tells it of messages.
extension MessageBroker {
    public func onEnqueue(_ ring: @escaping @Sendable () -> Void) {}
    public var longestIdlePause: Duration { MessageWorker.idlePause }
}

/// How many messages a queue has, and where they are.
public struct QueueDepth: Sendable, Equatable {
    public let queue: String
    /// In the database, on their way to the broker.
    public var outbox = 0
    /// Due, and in no worker's hands.
    public var waiting = 0
    /// In a worker's hands. RabbitMQ tells only of this process's own.
    public var inWork = 0
    /// Waiting for their next try.
    public var paused = 0
    /// Given up on.
    public var dead = 0
    /// When the oldest that is not dead was accepted, as far as it can be seen.
    public var oldest: Timestamp?

    public init(queue: String) {
        self.queue = queue
    }
}
