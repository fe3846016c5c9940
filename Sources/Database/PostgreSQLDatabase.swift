import Foundation

/// PostgreSQL by libpq. Each of a few threads has a connection of its own and works jobs off that
/// are handed over with a continuation; callers with a thread of their own borrow a connection.
///
/// Writes are READ COMMITTED, so whoever reads in order to write locks what was read
/// (``SQLDialect/lockRows``). Reads see one snapshot. Where the server breaks one of two writes
/// that met, it is carried out again.
public final class PostgreSQLDatabase: Database {
    /// Connections of this process for reads and writes; those of callers with threads of their
    /// own come on top, one for each.
    static let maximumConnections = 8
    /// Jobs that may wait for a connection; beyond it they are refused.
    static let maximumWaiting = 4096
    /// How often a database transaction is carried out that the server broke, because it met
    /// another's.
    static let maximumAttempts = 5

    private typealias Job = @Sendable (PostgreSQLSession) -> Void

    private struct State {
        var jobs: [Job] = []
        /// Sessions that callers with a thread of their own have given back.
        var spare: [PostgreSQLSession] = []
        var threads = 0
        var idle = 0
        var isClosed = false
    }

    /// How long closing waits for what is under way: longer than a statement may take.
    private static let closingTime = 20.0

    public let dialect = SQLDialect.postgresql
    private let server: PostgreSQLServer
    private let condition = NSCondition()
    /// Guarded by `condition`.
    private nonisolated(unsafe) var state = State()

    /// - Throws: ``DatabaseError/unavailable(_:)`` where the URL is wrong, the server does not
    ///   answer, refuses, or is too old.
    public init(url: String) throws {
        server = try PostgreSQLServer(url: url)
        let session = PostgreSQLSession(server)
        try session.connect()
        state.spare = [session]
    }

    public func read<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) throws -> Value
    ) async throws -> Value {
        try await perform(.read, body)
    }

    public func write<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) throws -> Value
    ) async throws -> Value {
        try await perform(.write, body)
    }

    public func writeBlocking<Value>(
        _ body: (any DatabaseConnection) throws -> Value
    ) throws -> Value {
        try withSpareSession { try $0.transact(.write, body) }
    }

    public func readBlocking<Value>(
        _ body: (any DatabaseConnection) throws -> Value
    ) throws -> Value {
        try withSpareSession { try $0.transact(.read, body) }
    }

    /// Finishes what was taken and takes nothing more. A server that has stopped without a word is
    /// waited for no longer than ``closingTime``.
    public func close() throws {
        condition.lock()
        defer { condition.unlock() }
        state.isClosed = true
        state.spare = []
        condition.broadcast()
        let deadline = Date(timeIntervalSinceNow: Self.closingTime)
        while state.threads > 0, condition.wait(until: deadline) {}
    }

    private func perform<Value: Sendable>(
        _ kind: PostgreSQLSession.Kind,
        _ body: @escaping @Sendable (any DatabaseConnection) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let isTaken = submit { session in
                continuation.resume(with: Result { try session.transact(kind, body) })
            }
            if !isTaken {
                continuation.resume(
                    throwing: DatabaseError.unavailable(
                        "too much is waiting for it, or it is closed"))
            }
        }
    }

    private func submit(_ job: @escaping Job) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        guard !state.isClosed, state.jobs.count < Self.maximumWaiting else { return false }
        state.jobs.append(job)
        if state.idle < state.jobs.count, state.threads < Self.maximumConnections {
            state.threads += 1
            let thread = Thread { [self] in work() }
            thread.name = "postgresql"
            thread.stackSize = 1 << 20
            thread.start()
        }
        condition.signal()
        return true
    }

    private func work() {
        // On this thread only, from here to its end; the first has the one that `init` connected.
        condition.lock()
        let session = state.spare.popLast() ?? PostgreSQLSession(server)
        condition.unlock()
        while let job = nextJob() { job(session) }
        condition.lock()
        state.threads -= 1
        condition.broadcast()
        condition.unlock()
    }

    private func nextJob() -> Job? {
        condition.lock()
        defer { condition.unlock() }
        while state.jobs.isEmpty {
            if state.isClosed { return nil }
            state.idle += 1
            condition.wait()
            state.idle -= 1
        }
        return state.jobs.removeFirst()
    }

    private func withSpareSession<Value>(
        _ body: (PostgreSQLSession) throws -> Value
    ) throws -> Value {
        condition.lock()
        let session = state.spare.popLast() ?? PostgreSQLSession(server)
        condition.unlock()
        defer {
            condition.lock()
            if !state.isClosed { state.spare.append(session) }
            condition.unlock()
        }
        return try body(session)
    }
}

/// A connection that is made when it is needed and made anew when it has broken. Used by one
/// thread at a time.
final class PostgreSQLSession {
    enum Kind {
        case read
        case write

        var mode: StaticString {
            switch self {
            case .read: "ISOLATION LEVEL REPEATABLE READ READ ONLY"
            case .write: "ISOLATION LEVEL READ COMMITTED READ WRITE"
            }
        }
    }

    private let server: PostgreSQLServer
    private var connection: PostgreSQLConnection?

    init(_ server: PostgreSQLServer) {
        self.server = server
    }

    @discardableResult
    func connect() throws -> PostgreSQLConnection {
        if let connection, !connection.isBroken { return connection }
        connection = nil
        let opened = try server.connect()
        connection = opened
        return opened
    }

    func transact<Value>(
        _ kind: Kind, _ body: (any DatabaseConnection) throws -> Value
    ) throws -> Value {
        var attempt = 1
        while true {
            let wasOpen = connection != nil
            let connection = try connect()
            do {
                try connection.begin(kind.mode)
                let value = try body(connection)
                try connection.commit()
                return value
            } catch {
                let mayRepeat = connection.mayRepeat(wasOpen: wasOpen)
                connection.rollBack()
                if connection.isBroken { self.connection = nil }
                guard mayRepeat, attempt < PostgreSQLDatabase.maximumAttempts else { throw error }
                attempt += 1
            }
        }
    }
}

extension PostgreSQLConnection {
    /// Whether what has just failed is to be carried out once more: the server undid it because it
    /// met another, or had closed the connection while it lay idle, so that nothing of it can
    /// have happened.
    fileprivate func mayRepeat(wasOpen: Bool) -> Bool {
        if let failure, failure.isTransient || failure.isStale { return true }
        return isBroken && wasOpen && !hasAnswered && !isCommitting
    }
}
