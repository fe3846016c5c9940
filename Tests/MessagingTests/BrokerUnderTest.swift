import Database
import Foundation
import Logging
import Messaging
import RabbitMQ
import Synchronization
import Testing
import Values

/// The brokers that the conformance cases hold to the same promises.
enum Engine: String, CaseIterable, CustomTestStringConvertible {
    case embedded
    case rabbitMQ

    var testDescription: String { rawValue }
}

/// A wall clock that goes on when it is told to.
final class WallClock: Sendable {
    private let start: Timestamp
    private let passed = Mutex<Int64>(0)

    init(from start: Timestamp) {
        self.start = start
    }

    func advance(seconds: Int64) {
        passed.withLock { $0 += seconds }
    }

    func now() -> Timestamp { start.adding(seconds: passed.withLock { $0 }) }
}

struct MissingRabbitMQ: Error, CustomStringConvertible {
    let description = """
        CUEBX_TEST_AMQP_URL is not set: scripts/test.sh starts a RabbitMQ and sets it, and so does \
        .venv/bin/python Tests/servers/rabbitmq.py swift test -c release
        """
}

/// A broker over tables and queues of its own.
final class BrokerUnderTest {
    /// How long something that must come is waited for.
    static let patience = Duration.seconds(30)

    let database: SQLiteDatabase
    let wall: WallClock
    private(set) var broker: any MessageBroker
    private let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    private let makeRabbitMQ: (() throws -> RabbitMQBroker)?

    /// - Parameter lostAfter: when RabbitMQ's other workers take a worker for dead.
    init(
        _ engine: Engine, now: Timestamp, retryMilliseconds: Int64? = nil,
        lostAfter: Duration = .milliseconds(100)
    ) async throws {
        let database = try SQLiteDatabase(path: folder.appending(path: "test.db").path)
        self.database = database
        let wall = WallClock(from: now)
        self.wall = wall
        _ = try await database.write { connection in
            try connection.execute(
                """
                CREATE TABLE messages (
                    id BLOB PRIMARY KEY, queue TEXT NOT NULL, body TEXT NOT NULL,
                    attempts INTEGER NOT NULL, reason TEXT, enqueued_at INTEGER NOT NULL,
                    due_at INTEGER NOT NULL, leased_until INTEGER NOT NULL, died_at INTEGER,
                    request_id TEXT, account_id BLOB
                ) STRICT
                """)
            try connection.execute(
                """
                CREATE TABLE message_tries (
                    id BLOB PRIMARY KEY, tries INTEGER NOT NULL, beat INTEGER NOT NULL
                ) STRICT
                """)
        }
        switch engine {
        case .embedded:
            makeRabbitMQ = nil
            broker = EmbeddedBroker(database: database, wall: wall.now)
        case .rabbitMQ:
            guard let text = ProcessInfo.processInfo.environment["CUEBX_TEST_AMQP_URL"] else {
                throw MissingRabbitMQ()
            }
            let url = try RabbitMQURL(text)
            let queues = RabbitMQQueues(
                prefix: UUID().uuidString + ".", retryMilliseconds: retryMilliseconds)
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let make = { [logger] in
                RabbitMQBroker(
                    url, queues, database: database, wall: wall.now,
                    lostAfter: lostAfter, logger: logger)
            }
            makeRabbitMQ = make
            broker = make()
        }
    }

    func close() async throws {
        if let rabbitMQ = broker as? RabbitMQBroker {
            try await rabbitMQ.deleteQueues()
            await rabbitMQ.close()
        }
        try database.close()
        try FileManager.default.removeItem(at: folder)
    }

    func enqueue(
        _ bodies: [String], in queue: MessageQueue = .usageCommits,
        _ envelope: MessageEnvelope = MessageEnvelope(), at now: Timestamp
    ) async throws {
        for body in bodies {
            try await database.write { [broker] connection in
                try broker.enqueue(queue, body, envelope, in: connection, now: now)
            }
        }
    }

    /// Sends on its way what was enqueued.
    func send(at now: Timestamp) async throws {
        guard let rabbitMQ = broker as? RabbitMQBroker else { return }
        while try await rabbitMQ.flush(now: now) > 0 {}
    }

    /// Claims once that many messages are there to be claimed, and none is on its way. What a dead
    /// worker held is not claimed before it is known to be dead.
    func claim(_ limit: Int = 8, of expected: Int = 1, at now: Timestamp) async throws -> [Message]
    {
        let room = ClaimRoom(each: limit)
        guard let rabbitMQ = broker as? RabbitMQBroker else {
            return try await broker.claim(room, now: now)
        }
        let deadline = ContinuousClock.now + Self.patience
        // Asks for the first time, where nobody has; nothing is there yet.
        while ContinuousClock.now < deadline {
            let isCaughtUp = try await rabbitMQ.catchUp(now: now)
            if expected == 0 ? isCaughtUp : rabbitMQ.deliveredAhead >= expected { break }
            if expected == 0 {
                // Dead letters go into their table with a claim; until then they are on their way.
                let taken = try await broker.claim(room, now: now)
                if !taken.isEmpty { return taken }
            }
            rabbitMQ.startDelivery()
            try await Task.sleep(for: .milliseconds(2))
        }
        var messages = try await broker.claim(room, now: now)
        while messages.isEmpty, expected > 0, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(2))
            messages = try await broker.claim(room, now: now)
        }
        return messages
    }

    /// The worker died: its lease runs out, or its connection is lost.
    func loseWorker() async throws {
        wall.advance(seconds: 301)
        guard let makeRabbitMQ, let rabbitMQ = broker as? RabbitMQBroker else { return }
        await rabbitMQ.close()
        broker = try makeRabbitMQ()
    }

    /// The dead letters, once there are so many.
    func letters(_ expected: Int, at now: Timestamp) async throws -> [DeadLetters.Letter] {
        let letters = DeadLetters(database: database)
        let deadline = ContinuousClock.now + Self.patience
        while try await letters.list().count < expected, ContinuousClock.now < deadline {
            // On their way into the table they are no messages to be claimed.
            #expect(try await broker.claim(ClaimRoom(each: 8), now: now).isEmpty)
        }
        return try await letters.list()
    }
}
