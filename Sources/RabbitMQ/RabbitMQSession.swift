import CRabbitMQ
import Foundation
import Logging

/// A thread that owns one connection to RabbitMQ: opens it, serves it, and opens it anew when it
/// was lost. Others hand it work with ``perform(_:)``.
///
/// The state below `lock` is touched only while that is locked, hence `@unchecked`.
final class RabbitMQSession: @unchecked Sendable {
    /// Calls that may wait for the thread at once.
    static let maximumWaiting = 4096
    /// Calls that are made before the socket is looked at again.
    static let maximumJobs = 64
    /// The pauses between attempts to connect, in milliseconds: doubled from the first on.
    static let shortestPause = 100
    static let longestPause = 5000
    /// How often an idle connection is looked at, for heartbeats' sake.
    static let idleMilliseconds: Int32 = 1000

    /// What is done with the connection, all on its thread.
    struct Hooks: Sendable {
        /// After each connecting.
        let prepare: @Sendable (RabbitMQConnection) throws -> Void
        var deliver: @Sendable (Delivery) -> Void = { _ in }
        /// What was delivered and not acknowledged will be delivered again.
        var lost: @Sendable () -> Void = {}
    }

    /// Exactly one of the two closures is called, once.
    private struct Job: Sendable {
        /// Returns what broke the connection, if anything did.
        let run: @Sendable (RabbitMQConnection) -> (any Error)?
        let refuse: @Sendable (any Error) -> Void
    }

    private enum Phase {
        case unstarted
        case connecting
        case connected
        case away(any Error)
        case stopped
    }

    private let name: String
    private let url: RabbitMQURL
    private let hooks: Hooks
    private let logger: Logger
    /// Readable while the thread has something to look at.
    private let bell = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))

    private let lock = NSLock()
    private var phase = Phase.unstarted
    private var waiting: [Job] = []
    /// Whether the thread runs.
    private var isServing = false
    private var onStopped: [@Sendable () -> Void] = []

    init(_ name: String, _ url: RabbitMQURL, hooks: Hooks, logger: Logger) {
        self.name = name
        self.url = url
        self.hooks = hooks
        self.logger = logger
    }

    deinit {
        Foundation.close(bell)
    }

    /// Connects, if nobody has asked for it before.
    func start() {
        lock.withLock { startIfNeeded() }
    }

    /// Whether anybody has asked it to connect.
    var isStarted: Bool { lock.withLock { isServing } }

    /// Runs a few calls on the connection's thread.
    /// - Throws: ``RabbitMQError/away(_:)`` at once while there is no connection.
    func perform<Value: Sendable>(
        _ body: @escaping @Sendable (RabbitMQConnection) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            add(
                Job(
                    run: { connection in
                        do {
                            continuation.resume(returning: try body(connection))
                            return nil
                        } catch {
                            continuation.resume(throwing: error)
                            return error
                        }
                    },
                    refuse: { continuation.resume(throwing: $0) }))
        }
    }

    /// Closes the connection; returns when it is closed. What waits is refused.
    func stop() async {
        await withCheckedContinuation { continuation in
            let isStopped = lock.withLock {
                phase = .stopped
                guard isServing else { return true }
                onStopped.append { continuation.resume() }
                ring()
                return false
            }
            if isStopped { continuation.resume() }
        }
    }

    private func add(_ job: Job) {
        let refusal: (any Error)? = lock.withLock {
            startIfNeeded()
            switch phase {
            case .away(let error): return error
            case .stopped: return RabbitMQError.away("this process is stopping")
            case .unstarted, .connecting, .connected: break
            }
            guard waiting.count < Self.maximumWaiting else {
                return RabbitMQError.away("too many calls are waiting for it")
            }
            waiting.append(job)
            ring()
            return nil
        }
        if let refusal { job.refuse(refusal) }
    }

    private func startIfNeeded() {
        guard case .unstarted = phase else { return }
        phase = .connecting
        isServing = true
        let thread = Thread { self.serve() }
        thread.name = name
        thread.start()
    }

    private func ring() {
        var one: UInt64 = 1
        _ = Foundation.write(bell, &one, MemoryLayout<UInt64>.size)
    }
}

/// What the thread does.
extension RabbitMQSession {
    private func serve() {
        var failures = 0
        while !isStopped {
            do {
                let connection = try RabbitMQConnection(url)
                defer {
                    connection.close()
                    hooks.lost()
                }
                try hooks.prepare(connection)
                if become(.connected), failures > 0 {
                    logger.notice("RabbitMQ is back", metadata: ["connection": "\(name)"])
                }
                failures = 0
                try work(connection)
                connection.leave()
            } catch {
                if failures == 0 {
                    logger.warning(
                        "no connection to RabbitMQ",
                        metadata: ["connection": "\(name)", "error": "\(error)"])
                }
                become(.away(error))
                refuse(with: error)
                wait(milliseconds: min(Self.shortestPause << min(failures, 10), Self.longestPause))
                failures += 1
            }
        }
        refuse(with: RabbitMQError.away("this process is stopping"))
        let callbacks = lock.withLock {
            isServing = false
            defer { onStopped = [] }
            return onStopped
        }
        for callback in callbacks { callback() }
    }

    private var isStopped: Bool {
        lock.withLock {
            if case .stopped = phase { return true }
            return false
        }
    }

    /// - Returns: false where the session has been stopped.
    @discardableResult
    private func become(_ next: Phase) -> Bool {
        lock.withLock {
            if case .stopped = phase { return false }
            phase = next
            return true
        }
    }

    private func refuse(with error: any Error) {
        let refused = lock.withLock {
            defer { waiting = [] }
            return waiting
        }
        for job in refused { job.refuse(error) }
    }

    private func work(_ connection: RabbitMQConnection) throws {
        while !isStopped {
            for _ in 0..<Self.maximumJobs {
                guard !isStopped, let job = takeJob() else { break }
                if let error = job.run(connection) { throw error }
            }
            if !connection.hasBuffered && !hasJobs {
                poll(socket: amqp_get_sockfd(connection.state), Self.idleMilliseconds)
            }
            while let event = try connection.nextEvent(milliseconds: 0) {
                if case .delivery(let delivery) = event { hooks.deliver(delivery) }
            }
        }
    }

    private var hasJobs: Bool { lock.withLock { !waiting.isEmpty } }

    private func takeJob() -> Job? {
        lock.withLock { waiting.isEmpty ? nil : waiting.removeFirst() }
    }

    private func wait(milliseconds: Int) {
        let end = ContinuousClock.now + .milliseconds(milliseconds)
        while !isStopped && ContinuousClock.now < end { poll(socket: -1, 50) }
    }

    /// Returns when the socket or the bell has something, or the time is over.
    private func poll(socket: Int32, _ milliseconds: Int32) {
        var descriptors = [
            pollfd(fd: bell, events: Int16(POLLIN), revents: 0),
            pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
        ]
        _ = Foundation.poll(&descriptors, nfds_t(descriptors.count), milliseconds)
        var rung: UInt64 = 0
        _ = Foundation.read(bell, &rung, MemoryLayout<UInt64>.size)
    }
}
