import CareerDomain
import Database
import Foundation
import Messaging
import Synchronization
import Testing

/// A wall clock that goes on when it is told to.
private final class WallClock: Sendable {
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

@Suite("The embedded broker")
final class EmbeddedBrokerTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    private let database: SQLiteDatabase
    private let now = Timestamp(seconds: 1_800_000_000)
    private let wall = WallClock(from: Timestamp(seconds: 1_800_000_000))

    init() throws {
        database = try SQLiteDatabase(path: folder.appending(path: "test.db").path)
    }

    deinit {
        do {
            try database.close()
            try FileManager.default.removeItem(at: folder)
        } catch {
            print("a temporary folder stays: \(error)")
        }
    }

    /// A broker over an empty table.
    private func broker() async throws -> EmbeddedBroker {
        try await database.write { connection in
            try connection.execute(
                """
                CREATE TABLE messages (
                    id BLOB PRIMARY KEY, queue TEXT NOT NULL, body TEXT NOT NULL,
                    attempts INTEGER NOT NULL, reason TEXT, enqueued_at INTEGER NOT NULL,
                    due_at INTEGER NOT NULL, leased_until INTEGER NOT NULL, died_at INTEGER
                ) STRICT
                """)
        }
        return EmbeddedBroker(database: database, wall: wall.now)
    }

    private func enqueue(_ bodies: [String], _ broker: EmbeddedBroker) async throws {
        for body in bodies {
            try await database.write { [now] connection in
                try broker.enqueue(.usageCommits, body, in: connection, now: now)
            }
        }
    }

    /// The worker died: its lease runs out.
    private func loseWorker() {
        wall.advance(seconds: 301)
    }

    private func letters() async throws -> [DeadLetters.Letter] {
        try await DeadLetters(database: database).list()
    }

    @Test("A try counts from its beginning, so a worker that dies has used it up")
    func triesAreCountedAtTheirBeginning() async throws {
        let broker = try await broker()
        try await enqueue(["a"], broker)
        for tries in 0..<3 as Range<Int64> {
            let claimed = try await broker.claim(8, now: now)
            #expect(claimed.map(\.attempts) == [tries])
            loseWorker()
        }
    }

    @Test("A message whose last try never ended comes once more, only to be rejected")
    func lastTryNeverEnded() async throws {
        let broker = try await broker()
        try await enqueue(["a"], broker)
        for _ in 0..<3 {
            _ = try await broker.claim(8, now: now)
            loseWorker()
        }
        let message = try #require(try await broker.claim(8, now: now).first)
        #expect(message.attempts == message.queue.maximumAttempts)
        #expect(try await broker.reject(message, reason: "x", isPoison: false, now: now))
        #expect(try await letters().map(\.attempts) == [3])
        #expect(try await broker.claim(8, now: now).isEmpty)
    }

    @Test("A failed try comes again after its pause, the last one leaves a dead letter")
    func rejected() async throws {
        let broker = try await broker()
        try await enqueue(["a"], broker)
        var time = now
        for isLast in [false, false, true] {
            let message = try #require(try await broker.claim(8, now: time).first)
            #expect(
                try await broker.reject(message, reason: "no", isPoison: false, now: time)
                    == isLast)
            #expect(try await broker.claim(8, now: time.adding(seconds: 29)).isEmpty)
            time = time.adding(seconds: 30)
        }
        #expect(try await letters().map(\.reason) == ["no"])
        #expect(try await broker.claim(8, now: time).isEmpty)
    }

    @Test("What a dead worker held comes one at a time, so that it takes no other with it")
    func lostMessagesComeAlone() async throws {
        let broker = try await broker()
        try await enqueue(["a", "b", "c"], broker)
        #expect(try await broker.claim(8, now: now).count == 3)
        loseWorker()
        for _ in 0..<3 {
            let alone = try await broker.claim(8, now: now)
            #expect(alone.count == 1)
            for message in alone { try await broker.acknowledge(message) }
        }
        try await enqueue(["d", "e"], broker)
        #expect(try await broker.claim(8, now: now).count == 2)
    }

    @Test("A worker that outlived its lease has no say in a later try")
    func lateReject() async throws {
        let broker = try await broker()
        try await enqueue(["a"], broker)
        let slow = try #require(try await broker.claim(8, now: now).first)
        loseWorker()
        let current = try await broker.claim(8, now: now)
        #expect(current.count == 1)
        #expect(try await broker.reject(slow, reason: "x", isPoison: true, now: now) == false)
        #expect(try await letters().isEmpty)
        // It is still the other worker's.
        #expect(try await broker.claim(8, now: now.adding(seconds: 3600)).isEmpty)
    }
}
