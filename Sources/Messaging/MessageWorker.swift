import CareerDomain
import Foundation
import Logging
import ServiceLifecycle
import Synchronization

/// Works messages off: takes what is due, hands it to its queue's handler, a few at a time.
public struct MessageWorker: Service {
    public typealias Handler = @Sendable (Message) async throws -> Void

    /// Messages in work at once.
    static let maximumInFlight = 8
    /// How long an idle worker waits before it looks again.
    static let idlePause = Duration.milliseconds(50)
    /// The reason kept of a message that its worker never answered for.
    static let unendedTry =
        "the last try never ended: its worker was killed, or took longer than its lease"

    /// The longest that ``drain()`` waits for what others have in work.
    static let longestDrain = Duration.seconds(30)
    /// How long it waits before it looks again.
    static let drainPause = Duration.milliseconds(5)

    private let broker: any MessageBroker
    private let handlers: [MessageQueue: Handler]
    private let now: @Sendable () -> Timestamp
    private let logger: Logger
    private let state = WorkerState()

    public init(
        broker: any MessageBroker, handlers: [MessageQueue: Handler],
        now: @escaping @Sendable () -> Timestamp, logger: Logger
    ) {
        self.broker = broker
        self.handlers = handlers
        self.now = now
        self.logger = logger
    }

    public func run() async throws {
        state.setRunning(true)
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    if try await workOff() > 0 { continue }
                } catch {
                    logger.warning("worker pauses", metadata: ["error": "\(error)"])
                }
                do {
                    try await Task.sleep(for: Self.idlePause)
                } catch {
                    // A shutdown was asked for.
                    return
                }
            }
        }
        state.setRunning(false)
        await broker.stopClaiming()
    }

    /// Handles what is due now, and what falls due while it does so; waits for what this process
    /// has in work already.
    public func drain() async throws {
        let deadline = ContinuousClock.now + Self.longestDrain
        while ContinuousClock.now < deadline {
            let claimed = state.claimed
            let isCaughtUp = try await broker.catchUp(now: now())
            let mayClaim = broker.handsOutOnDemand || state.isRunning
            if mayClaim, try await workOff() > 0 { continue }
            // What was in work meanwhile may have enqueued more.
            if isCaughtUp && !state.isWorking && state.claimed == claimed { return }
            try await Task.sleep(for: Self.drainPause)
        }
    }

    /// - Returns: how many messages were tried.
    private func workOff() async throws -> Int {
        state.begin()
        defer { state.end() }
        let messages = try await broker.claim(Self.maximumInFlight, now: now())
        state.add(claimed: messages.count)
        // What has been claimed is finished even when a shutdown is asked for meanwhile.
        await withTaskGroup(of: Void.self) { group in
            for message in messages {
                group.addTask { await Task { await self.handle(message) }.value }
            }
        }
        return messages.count
    }

    private func handle(_ message: Message) async {
        do {
            do {
                guard let handler = handlers[message.queue] else {
                    throw PoisonMessage("no handler for \(message.queue.rawValue)")
                }
                guard message.attempts < message.queue.maximumAttempts else {
                    throw PoisonMessage(Self.unendedTry)
                }
                try await handler(message)
            } catch let error as PostponedMessage {
                return try await postpone(message, error)
            } catch {
                let isDead = try await broker.reject(
                    message, reason: "\(error)", isPoison: error is PoisonMessage, now: now())
                logger.log(
                    level: isDead ? .error : .warning,
                    isDead ? "message is dead" : "message will be tried again",
                    metadata: [
                        "message": "\(message.id.text)", "queue": "\(message.queue.rawValue)",
                        "attempt": "\(message.attempts + 1)", "error": "\(error)",
                    ])
                return
            }
            try await broker.acknowledge(message)
        } catch {
            // It comes again.
            logger.warning("message not settled", metadata: ["error": "\(error)"])
        }
    }

    private func postpone(_ message: Message, _ error: PostponedMessage) async throws {
        let now = now()
        guard let pause = PostponedMessage.pause(of: message, now: now) else {
            _ = try await broker.reject(
                message, reason: "waited too long: \(error)", isPoison: true, now: now)
            logger.error(
                "message is dead",
                metadata: [
                    "message": "\(message.id.text)", "queue": "\(message.queue.rawValue)",
                    "error": "\(error)",
                ])
            return
        }
        try await broker.postpone(
            message, reason: "\(error)", until: now.adding(seconds: pause))
        logger.warning(
            "message is postponed",
            metadata: [
                "message": "\(message.id.text)", "queue": "\(message.queue.rawValue)",
                "seconds": "\(pause)", "error": "\(error)",
            ])
    }
}

/// What a worker does at the moment.
private final class WorkerState: Sendable {
    private let state = Mutex((isRunning: false, working: 0, claimed: 0))

    var isRunning: Bool { state.withLock { $0.isRunning } }
    var isWorking: Bool { state.withLock { $0.working > 0 } }

    /// Messages that were claimed so far.
    var claimed: Int { state.withLock { $0.claimed } }

    func add(claimed: Int) { state.withLock { $0.claimed += claimed } }
    func setRunning(_ isRunning: Bool) { state.withLock { $0.isRunning = isRunning } }
    func begin() { state.withLock { $0.working += 1 } }
    func end() { state.withLock { $0.working -= 1 } }
}
