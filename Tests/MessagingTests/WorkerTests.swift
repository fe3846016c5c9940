import Logging
import Messaging
import Synchronization
import Testing
import Values

/// Where handlers wait until they are let through.
private final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var entered = 0
        var passed = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var entered: Int { state.withLock { $0.entered } }
    var passed: Int { state.withLock { $0.passed } }

    func pass() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                state.entered += 1
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
        state.withLock { $0.passed += 1 }
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for one in waiting { one.resume() }
    }
}

@Suite("A worker")
struct WorkerTests {
    private let now = Timestamp.epoch.adding(seconds: 1_800_000_000)
    private let slow = MessageQueue.paymentFailed

    private func until(_ condition: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + BrokerUnderTest.patience
        while try await !condition() {
            try #require(ContinuousClock.now < deadline, "it did not come to pass")
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    @Test("A worker that dozes takes what is enqueued in its process, however long it might wait")
    func dozing() async throws {
        let tested = try await BrokerUnderTest(.embedded, now: now)
        let broker = EmbeddedBroker(
            database: tested.database, longestIdlePause: .seconds(3_600), wall: tested.wall.now)
        let looks = Mutex(0)
        let handled = Mutex(0)
        let worker = MessageWorker(
            broker: broker,
            handlers: [.usageCommits: { _ in handled.withLock { $0 += 1 } }],
            now: { [now] in now }, logger: Logger(label: "test"),
            beforeClaim: { looks.withLock { $0 += 1 } })
        let running = Task { try await worker.run() }
        try await until { looks.withLock { $0 } == 1 }
        try await tested.database.write { [now] connection in
            try broker.enqueue(.usageCommits, "{}", MessageEnvelope(), in: connection, now: now)
        }
        try await until { handled.withLock { $0 } == 1 }
        running.cancel()
        try await running.value
        try await tested.close()
    }

    @Test("A message is buried before it is given up on, whatever killed it, and no sooner")
    func burials() async throws {
        struct Broken: Error {}
        let tested = try await BrokerUnderTest(.embedded, now: now)
        try await tested.enqueue(["killed"], in: .operatorWork, at: now)
        for _ in 0..<MessageQueue.operatorWork.maximumAttempts {
            _ = try await tested.claim(at: now)
            try await tested.loseWorker()
        }
        try await tested.enqueue(["fails", "poison", "good"], in: .operatorWork, at: now)
        let tries = Mutex<[String: Int]>([:])
        let buried = Mutex<[String: [String]]>([:])
        let time = Mutex(now)
        let letters = DeadLetters(database: tested.database)
        let worker = MessageWorker(
            broker: tested.broker,
            handlers: [
                .operatorWork: { message in
                    tries.withLock { $0[message.body, default: 0] += 1 }
                    if message.body == "fails" { throw Broken() }
                    if message.body == "poison" { throw PoisonMessage("never") }
                }
            ],
            burials: [
                .operatorWork: { message, reason in
                    let letter = try await letters.letter(message.id)
                    #expect(letter?.id == nil)
                    buried.withLock { $0[message.body, default: []].append(reason) }
                }
            ], now: { time.withLock { $0 } }, logger: Logger(label: "test"))
        for _ in 0..<MessageQueue.operatorWork.maximumAttempts {
            try await worker.drain()
            time.withLock { $0 = $0.adding(seconds: 3_600) }
        }
        let dead = try await letters.list()
        #expect(Set(dead.map(\.body)) == ["killed", "fails", "poison"])
        #expect(tries.withLock { $0 } == ["fails": 3, "poison": 1, "good": 1])
        let reasons = buried.withLock { $0 }
        #expect(reasons.count == 3 && reasons["fails"] == ["Broken()"])
        #expect(reasons["poison"] == ["never"] && reasons["killed"]?.count == 1)
        #expect(reasons["killed"]?[0].hasPrefix("the last try never ended") == true)
        try await tested.close()
    }

    @Test(
        "Messages that hang hold up their own queue's share, a shutdown, and nothing else",
        arguments: Engine.allCases)
    func hanging(engine: Engine) async throws {
        let tested = try await BrokerUnderTest(engine, now: now)
        let share = slow.maximumInFlight
        try await tested.enqueue((0..<2 * share).map { "\($0)" }, in: slow, at: now)
        try await tested.enqueue((0..<40).map { "\($0)" }, at: now)
        try await tested.enqueue((0..<20).map { "\($0)" }, in: .emails, at: now)
        let gate = Gate()
        let handled = Mutex<[MessageQueue: Int]>([:])
        let count: MessageWorker.Handler = { message in
            handled.withLock { $0[message.queue, default: 0] += 1 }
        }
        let worker = MessageWorker(
            broker: tested.broker,
            handlers: [
                slow: { _ in await gate.pass() }, .usageCommits: count, .emails: count,
            ], now: { [now] in now }, logger: Logger(label: "test"))
        let running = Task { try await worker.run() }
        try await tested.send(at: now)
        try await until { handled.withLock { $0 == [.usageCommits: 40, .emails: 20] } }
        try await until { gate.entered == share }
        running.cancel()
        gate.open()
        try await running.value
        // What was in work has ended, and nothing else was begun.
        #expect(gate.entered == share && gate.passed == share)
        try await tested.loseWorker()
        let left = try await tested.claim(of: share, at: now)
        #expect(left.count == share && left.allSatisfy { $0.attempts == 0 })
        for message in left { try await tested.broker.acknowledge(message) }
        #expect(try await tested.claim(of: 0, at: now).isEmpty)
        try await tested.close()
    }
}
