import Foundation
import Logging
import ServiceLifecycle
import Synchronization
import Values

/// Works messages off: takes what is due and hands it to its queue's handler. Each queue has a
/// share of its own (``MessageQueue/maximumInFlight``), and what becomes free of it is filled
/// again: a message that takes long holds up nothing but itself.
public struct MessageWorker: Service {
    public typealias Handler = @Sendable (Message) async throws -> Void
    /// What is done before a message is given up on, with the reason: it may be done again.
    public typealias Burial = @Sendable (Message, String) async throws -> Void

    /// How long a worker without work waits before it looks again.
    static let idlePause = Duration.milliseconds(50)
    /// How long it waits where it could not look, e.g. while the database is away.
    static let failurePause = Duration.milliseconds(500)
    /// The reason kept of a message that its worker never answered for.
    static let unendedTry =
        "the last try never ended: its worker was killed, or took longer than its lease"

    /// The longest that ``drain()`` waits for what others have in work.
    static let longestDrain = Duration.seconds(30)
    /// How long it waits before it looks again.
    static let drainPause = Duration.milliseconds(5)

    private let broker: any MessageBroker
    private let handlers: [MessageQueue: Handler]
    private let burials: [MessageQueue: Burial]
    private let now: @Sendable () -> Timestamp
    private let logger: Logger
    private let beforeClaim: @Sendable () async -> Void
    private let shares = WorkerShares()

    /// - Parameters:
    ///   - burials: what is done before messages of a queue are given up on, whatever killed them:
    ///     their last try, what can never be done, or workers that never answered.
    ///   - beforeClaim: awaited before each look for what is due.
    public init(
        broker: any MessageBroker, handlers: [MessageQueue: Handler],
        burials: [MessageQueue: Burial] = [:],
        now: @escaping @Sendable () -> Timestamp, logger: Logger,
        beforeClaim: @escaping @Sendable () async -> Void = {}
    ) {
        self.beforeClaim = beforeClaim
        self.broker = broker
        self.handlers = handlers
        self.burials = burials
        self.now = now
        self.logger = logger
    }

    /// Messages that were taken so far.
    public var claimed: Int { shares.claimed }

    /// Runs until a shutdown is asked for, then gives back what was not begun and finishes the
    /// rest.
    public func run() async throws {
        shares.setRunning(true)
        broker.onEnqueue { [shares] in shares.stir() }
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let isWakeful = shares.isWakeful
                var pause = isWakeful ? Self.idlePause : broker.longestIdlePause
                do {
                    await beforeClaim()
                    if try await beginDue() > 0 { continue }
                } catch {
                    logger.warning("worker pauses", metadata: ["error": "\(error)"])
                    pause = Self.failurePause
                }
                await shares.wait(atMost: pause, isDozing: !isWakeful)
            }
        }
        shares.setRunning(false)
        await broker.stopClaiming()
        await shares.allEnded()
    }

    /// Handles what is due now, and what falls due while it does so; waits for what is in work
    /// already, here or in another process.
    public func drain() async throws {
        let deadline = ContinuousClock.now + Self.longestDrain
        var wasIdle = false
        while ContinuousClock.now < deadline {
            let isIdle = try await isIdle()
            // What was in work while we looked may have ended and enqueued more: we look twice.
            if isIdle && wasIdle { return }
            wasIdle = isIdle
            if !isIdle { try await Task.sleep(for: Self.drainPause) }
        }
    }

    /// Begins what is due.
    /// - Returns: whether there was nothing, and nothing is in work.
    private func isIdle() async throws -> Bool {
        let claimed = shares.claimed
        let isCaughtUp = try await broker.catchUp(now: now())
        let mayClaim = broker.handsOutOnDemand || shares.isRunning
        if mayClaim, try await beginDue() > 0 { return false }
        // What is due no more may be in work, so that is asked afterwards.
        let isOthers = try await broker.hasInWork()
        return isCaughtUp && !isOthers && !shares.isWorking && shares.claimed == claimed
    }

    /// Claims what there is room for and lets its handling begin.
    /// - Returns: how many messages that were.
    private func beginDue() async throws -> Int {
        guard let room = shares.beginClaim() else { return 0 }
        do {
            let messages = try await broker.claim(room, now: now())
            shares.endClaim(room, messages)
            for message in messages {
                // What has been claimed is finished even when a shutdown is asked for meanwhile.
                Task {
                    await handle(message)
                    shares.end(message)
                }
            }
            return messages.count
        } catch {
            shares.endClaim(room, [])
            throw error
        }
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
                let isDead = try await reject(
                    message, "\(error)", isPoison: error is PoisonMessage)
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

    /// - Returns: whether the message is dead.
    /// - Throws: what its burial throws; the message then comes again.
    private func reject(
        _ message: Message, _ reason: String, isPoison: Bool
    ) async throws -> Bool {
        if isPoison || message.attempts + 1 >= message.queue.maximumAttempts {
            try await burials[message.queue]?(message, reason)
        }
        return try await broker.reject(message, reason: reason, isPoison: isPoison, now: now())
    }

    private func postpone(_ message: Message, _ error: PostponedMessage) async throws {
        let now = now()
        guard let pause = PostponedMessage.pause(of: message, now: now) else {
            _ = try await reject(message, "waited too long: \(error)", isPoison: true)
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
