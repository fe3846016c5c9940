import Database
import Foundation
import Logging
import Messaging
import RabbitMQ
import Testing
import Values

@Suite("RabbitMQ")
struct RabbitMQTests {
    private let now = Timestamp.epoch.adding(seconds: 1_800_000_000)

    @Test("RabbitMQ itself brings a failed message back after its pause")
    func pauseIsTheBrokers() async throws {
        let tested = try await BrokerUnderTest(.rabbitMQ, now: now, retryMilliseconds: 300)
        try await tested.enqueue(["a"], at: now)
        let message = try #require(try await tested.claim(at: now).first)
        _ = try await tested.broker.reject(message, reason: "no", isPoison: false, now: now)
        // The clock of decisions stands still; only the wall's moves it.
        let again = try #require(try await tested.claim(at: now).first)
        #expect(again.id == message.id && again.attempts == 1)
        try await tested.close()
    }

    @Test("One connection carries more messages than it could open channels")
    func manyOnOneConnection() async throws {
        let tested = try await BrokerUnderTest(.rabbitMQ, now: now)
        let broker = tested.broker
        _ = try await tested.database.write { [now] connection in
            for number in 0..<2500 {
                try broker.enqueue(
                    .usageCommits, "\(number)", MessageEnvelope(), in: connection, now: now)
            }
        }
        var seen: Set<String> = []
        while seen.count < 2500 {
            let messages = try await tested.claim(at: now)
            try #require(!messages.isEmpty)
            for message in messages {
                seen.insert(message.body)
                try await tested.broker.acknowledge(message)
            }
        }
        #expect(try await tested.claim(of: 0, at: now).isEmpty)
        try await tested.close()
    }

    @Test("A worker that stops gives back what it has not begun, and no try is used up")
    func stopped() async throws {
        let tested = try await BrokerUnderTest(.rabbitMQ, now: now)
        try await tested.enqueue(["a", "b", "c"], at: now)
        let first = try await tested.claim(1, of: 3, at: now)
        for message in first { try await tested.broker.acknowledge(message) }
        await tested.broker.stopClaiming()
        try await tested.loseWorker()
        let others = try await tested.claim(of: 2, at: now)
        #expect(others.count == 2 && others.allSatisfy { $0.attempts == 0 })
        try await tested.close()
    }

    @Test("A message that was published twice is told by its id")
    func publishedTwice() async throws {
        let tested = try await BrokerUnderTest(.rabbitMQ, now: now)
        try await tested.enqueue(["a"], at: now)
        let rabbitMQ = try #require(tested.broker as? RabbitMQBroker)
        // The relay dies between RabbitMQ's confirmation and its own mark: its lease runs out.
        _ = try await tested.database.write { connection in
            try connection.execute("CREATE TABLE kept AS SELECT * FROM messages")
        }
        #expect(try await rabbitMQ.flush(now: now) == 1)
        _ = try await tested.database.write { connection in
            try connection.execute("INSERT INTO messages SELECT * FROM kept")
        }
        // One is not begun while the other is in work. Dead twice over is one dead letter.
        let first = try #require(try await tested.claim(of: 2, at: now).first)
        #expect(try await rabbitMQ.claim(ClaimRoom(each: 8), now: now).isEmpty)
        #expect(try await rabbitMQ.reject(first, reason: "x", isPoison: true, now: now))
        let second = try #require(try await tested.claim(at: now).first)
        #expect(second.id == first.id && second.attempts == 0)
        #expect(try await rabbitMQ.reject(second, reason: "x", isPoison: true, now: now))
        #expect(try await tested.claim(of: 0, at: now).isEmpty)
        #expect(try await tested.letters(1, at: now).count == 1)
        try await tested.close()
    }

    @Test("What was sent ahead to a worker that dies, and never begun, has used up no try")
    func sentAhead() async throws {
        let tested = try await BrokerUnderTest(.rabbitMQ, now: now)
        try await tested.enqueue(["a", "b", "c"], at: now)
        let begun = try #require(try await tested.claim(1, of: 3, at: now).first)
        try await tested.loseWorker()
        var attempts: [UUID: Int64] = [:]
        while attempts.count < 3 {
            for message in try await tested.claim(of: 3 - attempts.count, at: now) {
                attempts[message.id] = message.attempts
                try await tested.broker.acknowledge(message)
            }
        }
        #expect(attempts[begun.id] == 1 && attempts.values.reduce(0, +) == 1)
        try await tested.close()
    }

    @Test("A worker that has only lost its connection keeps its message, and no try is used up")
    func lostConnection() async throws {
        let tested = try await BrokerUnderTest(.rabbitMQ, now: now, lostAfter: .seconds(8))
        try await tested.enqueue(["a"], at: now)
        let cutOff = try #require(tested.broker as? RabbitMQBroker)
        let message = try #require(try await tested.claim(at: now).first)
        try await tested.loseWorker()
        let other = try #require(tested.broker as? RabbitMQBroker)
        let room = ClaimRoom(each: 8)
        // It goes on working, for longer than a dead worker is waited for.
        let end = ContinuousClock.now + .seconds(9)
        while ContinuousClock.now < end {
            #expect(try await cutOff.claim(room, now: now).isEmpty)
            #expect(try await other.claim(room, now: now).isEmpty)
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(other.deliveredAhead == 1)
        await #expect(throws: RabbitMQError.self) { try await cutOff.acknowledge(message) }
        var again: [Message] = []
        while again.isEmpty {
            _ = try await cutOff.claim(room, now: now)
            again = try await other.claim(room, now: now)
        }
        #expect(again.map(\.id) == [message.id] && again.map(\.attempts) == [0])
        try await other.acknowledge(again[0])
        try await tested.close()
    }

    @Test("Who is not there is told of at once, and what was enqueued stays")
    func away() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        let database = try SQLiteDatabase(path: folder.appending(path: "test.db").path)
        let url = try RabbitMQURL("amqp://127.0.0.1:1")
        let now = self.now
        let broker = RabbitMQBroker(
            url, database: database, wall: { now }, logger: Logger(label: "test"))
        await #expect(throws: RabbitMQError.self) { try await broker.check() }
        await #expect(throws: RabbitMQError.self) { try await RabbitMQBroker.checkServer(url) }
        await broker.close()
        try database.close()
        try FileManager.default.removeItem(at: folder)
    }

    @Test(
        "An address that is not one is refused, and no part of it is told",
        arguments: [
            "", "embedded", "amqp:", "amqp://", "amqps://", "http://u:secret@host",
            "amqp://u:secret@host?cacertfile=/dev/null", "amqps://u:secret@host?x=secret",
            "amqps://u:secret@host?cacertfile=", "amqps://u:secret@host?cacertfile=/not/there",
            "amqps://u:secret@host?certfile=/dev/null", "amqps://u:secret@host?keyfile=/dev/null",
            "amqps://u:secret@host?cacertfile=/dev/null&cacertfile=/dev/null",
            "amqp://u:secret@host:0", "amqp://u:secret@host:70000", "amqp://u:secret@host:x",
            "amqp://u:secret@host/a/b", "amqp://u:secret@host/v?x=secret",
            "amqp://u:secret@host/#a",
            "amqp://u:secret@host/%00",
            "amqp://u:secret@host/" + String(repeating: "v", count: 256),
        ])
    func badURL(text: String) {
        do {
            _ = try RabbitMQURL(text)
            Issue.record("\(text) was taken")
        } catch {
            #expect(!"\(error)".contains("secret"))
        }
    }

    @Test("An encrypted port is another where none is named")
    func encryptedPort() throws {
        #expect(try RabbitMQURL("amqp://h").port == 5672)
        #expect(try RabbitMQURL("amqps://h?cacertfile=/dev/null").port == 5671)
        #expect(try RabbitMQURL("amqps://h:5672/v?cacertfile=/dev/null").port == 5672)
    }

    @Test(
        "A virtual host is named after the host, / where none is",
        arguments: [
            ("amqp://h", "/"), ("amqp://h/", "/"), ("amqp://h/%2F", "/"), ("AMQP://h/a", "a"),
            ("amqp://u:p@[::1]:5671/a%2Fb", "a/b"),
        ])
    func virtualHost(text: String, name: String) throws {
        let url = try RabbitMQURL(text)
        #expect(url.virtualHost == name)
        #expect(["h", "::1"].contains(url.host) && [5671, 5672].contains(url.port))
        #expect(!"\(url)".contains("p@"))
    }
}
