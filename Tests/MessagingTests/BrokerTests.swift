import Database
import Foundation
import Messaging
import Testing
import Values

@Suite("A broker")
struct BrokerTests {
    private let now = Timestamp(clamping: 1_800_000_000_123_457)

    private func with(
        _ engine: Engine, retryMilliseconds: Int64? = nil,
        _ body: (BrokerUnderTest) async throws -> Void
    ) async throws {
        let tested = try await BrokerUnderTest(
            engine, now: now, retryMilliseconds: retryMilliseconds)
        do {
            try await body(tested)
        } catch {
            try await tested.close()
            throw error
        }
        try await tested.close()
    }

    @Test("A message comes as it was enqueued, to the microsecond", arguments: Engine.allCases)
    func delivered(engine: Engine) async throws {
        try await with(engine) { tested in
            let bodies = ["{\"a\":\"ä\u{1F600}\"}", "", String(repeating: "x", count: 300_000)]
            try await tested.enqueue(bodies, at: now)
            let messages = try await tested.claim(of: 3, at: now)
            #expect(Set(messages.map(\.body)) == Set(bodies))
            #expect(messages.allSatisfy { $0.enqueuedAt == now && $0.queue == .usageCommits })
            for message in messages { try await tested.broker.acknowledge(message) }
            #expect(try await tested.claim(of: 0, at: now).isEmpty)
        }
    }

    @Test(
        "What is known beside the body comes with each try, and stays with a dead letter",
        arguments: Engine.allCases)
    func envelope(engine: Engine) async throws {
        let envelopes = [
            MessageEnvelope(requestID: "r-1", accountID: UUID()),
            MessageEnvelope(requestID: "r-2"), MessageEnvelope(accountID: UUID()),
            MessageEnvelope(),
        ]
        for envelope in envelopes {
            try await with(engine) { tested in
                var time = now
                func next() async throws -> Message {
                    let message = try #require(try await tested.claim(at: time).first)
                    #expect(message.envelope == envelope)
                    return message
                }
                let broker = tested.broker
                try await tested.enqueue(["a"], envelope, at: now)
                _ = try await broker.reject(
                    await next(), reason: "no", isPoison: false, now: time)
                time = time.adding(seconds: 30)
                let later = time.adding(seconds: 900)
                try await broker.postpone(await next(), reason: "away", until: later)
                time = later
                _ = try await broker.reject(await next(), reason: "x", isPoison: true, now: time)
                let letter = try #require(try await tested.letters(1, at: time).first)
                #expect(letter.envelope == envelope)
                let letters = DeadLetters(database: tested.database)
                #expect(try await letters.retry(letter.id, now: time))
                try await broker.acknowledge(await next())
            }
        }
    }

    @Test("What its database transaction took back is not sent", arguments: Engine.allCases)
    func rolledBack(engine: Engine) async throws {
        struct Undone: Error {}
        try await with(engine) { tested in
            let broker = tested.broker
            await #expect(throws: Undone.self) {
                try await tested.database.write { connection in
                    try broker.enqueue(
                        .usageCommits, "a", MessageEnvelope(), in: connection, now: now)
                    throw Undone()
                }
            }
            let messages = try await tested.claim(of: 0, at: now)
            #expect(messages.isEmpty)
        }
    }

    @Test(
        "A try counts from its beginning, so a worker that dies has used it up",
        arguments: Engine.allCases)
    func triesAreCountedAtTheirBeginning(engine: Engine) async throws {
        try await with(engine) { tested in
            try await tested.enqueue(["a"], at: now)
            for tries in 0..<3 as Range<Int64> {
                #expect(try await tested.claim(at: now).map(\.attempts) == [tries])
                try await tested.loseWorker()
            }
        }
    }

    @Test(
        "A message whose last try never ended comes once more, only to be rejected",
        arguments: Engine.allCases)
    func lastTryNeverEnded(engine: Engine) async throws {
        try await with(engine) { tested in
            try await tested.enqueue(["a"], at: now)
            for _ in 0..<3 {
                _ = try await tested.claim(at: now)
                try await tested.loseWorker()
            }
            let message = try #require(try await tested.claim(at: now).first)
            #expect(message.attempts == message.queue.maximumAttempts)
            #expect(
                try await tested.broker.reject(message, reason: "x", isPoison: false, now: now))
            #expect(try await tested.letters(1, at: now).map(\.attempts) == [3])
            #expect(try await tested.claim(of: 0, at: now).isEmpty)
        }
    }

    @Test(
        "A failed try comes again after its pause, the last one leaves a dead letter",
        arguments: Engine.allCases)
    func rejected(engine: Engine) async throws {
        try await with(engine) { tested in
            try await tested.enqueue(["a"], at: now)
            var time = now
            for (tries, isLast) in [(0, false), (1, false), (2, true)] as [(Int64, Bool)] {
                let message = try #require(try await tested.claim(at: time).first)
                #expect(message.attempts == tries && message.enqueuedAt == now)
                #expect(
                    try await tested.broker.reject(
                        message, reason: "no", isPoison: false, now: time) == isLast)
                if isLast { break }
                #expect(try await tested.claim(of: 0, at: time.adding(seconds: 29)).isEmpty)
                time = time.adding(seconds: 30)
            }
            let letter = try #require(try await tested.letters(1, at: time).first)
            #expect(letter.reason == "no" && letter.attempts == 3 && letter.body == "a")
            #expect(letter.enqueuedAt == now && letter.diedAt == time)
            #expect(try await tested.claim(of: 0, at: time.adding(seconds: 3600)).isEmpty)
        }
    }

    @Test(
        "Poison is dead at once, and an operator's retry gives it its tries anew",
        arguments: Engine.allCases)
    func poison(engine: Engine) async throws {
        try await with(engine) { tested in
            try await tested.enqueue(["a"], at: now)
            let message = try #require(try await tested.claim(at: now).first)
            #expect(
                try await tested.broker.reject(message, reason: "bad", isPoison: true, now: now))
            let letter = try #require(try await tested.letters(1, at: now).first)
            #expect(letter.id == message.id && letter.attempts == 1)
            let letters = DeadLetters(database: tested.database)
            #expect(try await letters.retry(letter.id, now: now))
            #expect(try await letters.retry(letter.id, now: now) == false)
            let again = try #require(try await tested.claim(at: now).first)
            #expect(again.id == message.id && again.attempts == 0 && again.enqueuedAt == now)
            #expect(try await letters.list().isEmpty)
        }
    }

    @Test(
        "A postponed message comes at its time and has used up no try", arguments: Engine.allCases)
    func postponed(engine: Engine) async throws {
        try await with(engine) { tested in
            try await tested.enqueue(["a"], at: now)
            var time = now
            for _ in 0..<5 {
                let message = try #require(try await tested.claim(at: time).first)
                #expect(message.attempts == 0 && message.enqueuedAt == now)
                let later = time.adding(seconds: 900)
                try await tested.broker.postpone(message, reason: "away", until: later)
                #expect(try await tested.claim(of: 0, at: time.adding(seconds: 899)).isEmpty)
                time = later
            }
            #expect(try await tested.claim(at: time).count == 1)
        }
    }

    @Test(
        "What a dead worker held comes one at a time, so that it takes no other with it",
        arguments: Engine.allCases)
    func lostMessagesComeAlone(engine: Engine) async throws {
        try await with(engine) { tested in
            try await tested.enqueue(["a", "b", "c"], at: now)
            #expect(try await tested.claim(of: 3, at: now).count == 3)
            try await tested.loseWorker()
            for remaining in [3, 2, 1] {
                let alone = try await tested.claim(of: remaining, at: now)
                #expect(alone.count == 1)
                for message in alone { try await tested.broker.acknowledge(message) }
            }
            try await tested.enqueue(["d", "e"], at: now)
            #expect(try await tested.claim(of: 2, at: now).count == 2)
        }
    }

    @Test(
        "A message that kills its worker again and again uses up no other's tries",
        arguments: Engine.allCases)
    func killer(engine: Engine) async throws {
        try await with(engine) { tested in
            try await tested.enqueue(["a", "b"], at: now)
            #expect(try await tested.claim(of: 2, at: now).count == 2)
            try await tested.loseWorker()
            let killer = try #require(try await tested.claim(of: 2, at: now).first)
            var remaining = 2
            for _ in 0..<4 {
                try await tested.loseWorker()
                let next = try #require(try await tested.claim(of: remaining, at: now).first)
                guard next.id == killer.id else {
                    #expect(next.attempts == 1)
                    try await tested.broker.acknowledge(next)
                    return
                }
                guard next.attempts == 3 else { continue }
                _ = try await tested.broker.reject(next, reason: "x", isPoison: true, now: now)
                remaining = 1
            }
            Issue.record("the other message never came")
        }
    }

    @Test(
        "A worker that outlived its lease has no say in a later try", arguments: Engine.allCases)
    func lateReject(engine: Engine) async throws {
        try await with(engine) { tested in
            try await tested.enqueue(["a"], at: now)
            let slow = try #require(try await tested.claim(at: now).first)
            let formerBroker = tested.broker
            try await tested.loseWorker()
            #expect(try await tested.claim(at: now).count == 1)
            #expect(
                try await formerBroker.reject(slow, reason: "x", isPoison: true, now: now)
                    == false)
            #expect(try await tested.letters(0, at: now).isEmpty)
            // It is still the other worker's.
            let later = now.adding(seconds: 3600)
            #expect(try await tested.broker.claim(ClaimRoom(each: 8), now: later).isEmpty)
        }
    }

    @Test("How deep a queue is tells where its messages are", arguments: Engine.allCases)
    func depths(engine: Engine) async throws {
        try await with(engine) { tested in
            func depth() async throws -> QueueDepth? {
                try await tested.broker.depths(now: now.adding(seconds: 1))
                    .first { $0.queue == MessageQueue.usageCommits.rawValue }
            }
            try await tested.enqueue(["a", "b", "c", "d"], at: now)
            let messages = try await tested.claim(of: 4, at: now)
            try await tested.broker.acknowledge(messages[0])
            let broker = tested.broker
            _ = try await broker.reject(messages[1], reason: "", isPoison: true, now: now)
            _ = try await broker.reject(messages[2], reason: "", isPoison: false, now: now)
            _ = try await tested.letters(1, at: now)
            var expected = QueueDepth(queue: MessageQueue.usageCommits.rawValue)
            expected.inWork = 1
            expected.paused = 1
            expected.dead = 1
            expected.oldest = now
            #expect(try await depth() == expected)
            #expect(try await broker.depths(now: now).count == MessageQueue.allCases.count)
        }
    }
}
