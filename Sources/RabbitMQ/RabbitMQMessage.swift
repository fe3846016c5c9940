import FoundationEssentials
import Messaging
import Values

/// A message as it goes to RabbitMQ. What the service knows of it travels in headers: AMQP's own
/// timestamp has whole seconds only.
struct OutgoingMessage: Sendable {
    /// The queue's name at the broker.
    let queue: String
    let id: UUID
    let body: String
    let envelope: MessageEnvelope
    /// Tries that are behind it.
    var attempts: Int64 = 0
    let enqueuedAt: Timestamp
    /// Of one that waits for its next try: when that is due, as decisions count time.
    var dueAt: Timestamp?
    /// Of a dead one.
    var reason: String?
    var diedAt: Timestamp?
}

/// The headers' names. Times are microseconds since 1970.
enum MessageHeader {
    static let requestID = "cuebx-request-id"
    static let accountID = "cuebx-account-id"
    static let attempts = "cuebx-attempts"
    static let enqueuedAt = "cuebx-enqueued-at"
    static let dueAt = "cuebx-due-at"
    static let reason = "cuebx-reason"
    static let diedAt = "cuebx-died-at"
    /// RabbitMQ's: why it dead-lettered the message itself.
    static let firstDeathReason = "x-first-death-reason"
}

/// A message as RabbitMQ delivered it, still to be acknowledged.
struct Delivery: Sendable {
    /// The connection it came by: only that one can acknowledge it.
    let connection: UUID
    let tag: UInt64
    /// The queue's name at the broker.
    let queue: String
    let messageID: String?
    let body: String
    /// AMQP's timestamp, in seconds.
    let timestamp: UInt64?
    let integers: [String: Int64]
    let texts: [String: String]

    /// Nothing is known beside the body of what tool servers publish themselves.
    var envelope: MessageEnvelope {
        MessageEnvelope(
            requestID: texts[MessageHeader.requestID],
            accountID: texts[MessageHeader.accountID].flatMap { UUID(uuidString: $0) })
    }

    /// Tries that ended.
    var attempts: Int64 { min(max(0, integers[MessageHeader.attempts] ?? 0), 1_000_000) }

    /// Who publishes to a queue without this service may leave the id out: then it is made of the
    /// message, so that each delivery of it has the same.
    var id: UUID {
        messageID.flatMap { UUID(uuidString: $0) }
            ?? UUID(named: queue, messageID ?? "", "\(timestamp ?? 0)", body)
    }

    /// When it was accepted. What others publish has AMQP's timestamp or none, and cannot have
    /// been accepted in the future.
    func enqueuedAt(now: Timestamp) -> Timestamp {
        if let exact = time(MessageHeader.enqueuedAt) { return exact }
        guard let timestamp, timestamp < UInt64(now.seconds) else { return now }
        return Timestamp(seconds: Int64(timestamp)) ?? now
    }

    var dueAt: Timestamp? { time(MessageHeader.dueAt) }
    var diedAt: Timestamp? { time(MessageHeader.diedAt) }

    var reason: String {
        texts[MessageHeader.reason]
            ?? "given up on by RabbitMQ: \(texts[MessageHeader.firstDeathReason] ?? "unknown")"
    }

    /// Anybody may write headers; nothing is counted with that lies beyond the year 9999.
    private func time(_ header: String) -> Timestamp? {
        integers[header].flatMap { Timestamp(micros: $0) }
    }
}
