import GRDB
import JSON
import Logging
import Synchronization

/// The state that every request shares: the database, the clock, the knobs, the outbox.
///
/// One queue carries out one operation after the other, each in one database transaction, so no two
/// of them ever see half of each other.
final class Sandbox: Sendable {
    /// How long a caller waits for webhooks to be delivered.
    static let longestWait: Duration = .seconds(20)
    /// The furthest that the clock moves at once: ten years.
    static let furthestMove: Int64 = 10 * 366 * CalendarDates.secondsPerDay
    private static let pollInterval: Duration = .milliseconds(5)

    let queue: DatabaseQueue
    let knobs = TestKnobs()
    let deliverer: WebhookDeliverer
    let logger: Logger
    private let sharedClock: (@Sendable () -> Int64)?
    private let refreshClock: @Sendable () async throws -> Void
    private let advanceClock: (@Sendable (_ seconds: Int64) async throws -> Void)?
    private let clockOffset: Mutex<Int64>
    private let origin: Mutex<String>
    private let keysInFlight = Mutex(Set<String>())
    private let lastCall = Mutex(ContinuousClock.now)

    init(
        queue: DatabaseQueue, deliverer: (DatabaseQueue, TestKnobs) -> WebhookDeliverer,
        configuration: SandboxConfiguration
    ) throws {
        self.queue = queue
        self.deliverer = deliverer(queue, knobs)
        logger = configuration.logger
        sharedClock = configuration.clock
        refreshClock = configuration.refreshClock
        advanceClock = configuration.advanceClock
        origin = Mutex("http://\(configuration.host):\(configuration.port)")
        try Schema.migrator.migrate(queue)
        let offset = try queue.read { db in
            try Int64.fetchOne(
                db, sql: "SELECT value FROM settings WHERE name = 'clock_offset'")
        }
        clockOffset = Mutex(offset ?? 0)
    }

    // MARK: The clock

    func now() -> Int64 {
        if let sharedClock { return sharedClock() }
        return WallClock.seconds() + clockOffset.withLock { $0 }
    }

    /// Moves the clock forward and does all that falls due.
    func advance(by seconds: Int64) async throws {
        try await move(by: seconds)
        try await settle()
    }

    private func move(by seconds: Int64) async throws {
        guard seconds >= 0 else { throw StripeError.invalid("The clock only moves forward.") }
        guard seconds <= Self.furthestMove else {
            throw StripeError.invalid("The clock moves at most ten years at once.")
        }
        guard seconds > 0 else { return }
        if sharedClock == nil { return try await moveOwnClock(by: seconds) }
        guard let advanceClock else {
            throw StripeError.invalid("The clock belongs to the process that runs this sandbox.")
        }
        try await advanceClock(seconds)
    }

    private func moveOwnClock(by seconds: Int64) async throws {
        let offset = clockOffset.withLock { offset in
            offset += seconds
            return offset
        }
        try await queue.write { db in
            try db.execute(
                sql: """
                    INSERT INTO settings (name, value) VALUES ('clock_offset', ?)
                    ON CONFLICT (name) DO UPDATE SET value = excluded.value
                    """, arguments: [offset])
        }
    }

    /// Does all that has fallen due and waits until its webhooks have been sent once.
    func settle() async throws {
        try await refreshClock()
        try await transaction { try $0.finishAdvancing() }
        try await waitForDeliveries(includingRetries: false, atMost: Self.longestWait)
    }

    /// Waits until nothing is left to deliver, or until the time is over; false in that case.
    @discardableResult
    func waitForDeliveries(includingRetries: Bool, atMost limit: Duration) async throws -> Bool {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            let waiting = try await queue.read { db in
                try Delivery.waiting(db, includingRetries: includingRetries)
            }
            if waiting == 0 { return true }
            deliverer.wake()
            try await Task.sleep(for: Self.pollInterval)
        }
        return false
    }

    // MARK: Transactions

    var baseURL: String { origin.withLock { $0 } }

    func setPort(_ port: Int, host: String) {
        let name = host.contains(":") ? "[\(host)]" : host
        origin.withLock { $0 = "http://\(name):\(port)" }
    }

    /// Runs an operation after all that has fallen due. What it throws undoes both.
    @discardableResult
    func transaction<Value: Sendable>(
        _ request: RequestIdentity = .clock, isCall: Bool = true,
        _ body: @escaping @Sendable (Account) throws -> Value
    ) async throws -> Value {
        if isCall { lastCall.withLock { $0 = ContinuousClock.now } }
        let value = try await queue.write { [now = now(), baseURL, knobs] db in
            let catchUp = Account(
                db: db, now: now, request: .clock, baseURL: baseURL, knobs: knobs)
            try catchUp.processDue(until: now)
            return try body(
                Account(db: db, now: now, request: request, baseURL: baseURL, knobs: knobs))
        }
        deliverer.wake()
        return value
    }

    /// Whether somebody has asked for something since so long ago; a sandbox that has just begun
    /// counts as asked.
    func wasCalled(within time: Duration) -> Bool {
        lastCall.withLock { ContinuousClock.now - $0 <= time }
    }

    /// Runs an operation whose refusal undoes the operation alone.
    func perform<Value: Sendable>(
        _ body: @escaping @Sendable (Account) throws -> Value
    ) async throws -> Value {
        try await transaction { account in
            try account.attempt { try body(account) }
        }.get()
    }

    // MARK: Idempotency keys

    /// Reserves a key while its request is carried out; false when another one has it.
    func reserve(_ key: String) -> Bool { keysInFlight.withLock { $0.insert(key).inserted } }

    func release(_ key: String) { keysInFlight.withLock { _ = $0.remove(key) } }
}

extension Account {
    /// Undoes what the body has written when it refuses, unless the refusal tells of what has
    /// happened; a one-off charge outcome that it has used
    /// stays used.
    func attempt<Value>(_ body: () throws -> Value) throws -> Result<Value, StripeError> {
        var result: Result<Value, StripeError> = .failure(
            StripeError(500, "api_error", "The operation did not run."))
        try db.inSavepoint {
            do throws(StripeError) {
                result = .success(try narrowed(body))
                return .commit
            } catch {
                result = .failure(error)
                return error.keepsChanges ? .commit : .rollback
            }
        }
        if case .failure = result {
            for customer in spentNextCharges { try clearNextCharge(of: customer) }
        }
        return result
    }

    /// A failure that is no refusal becomes Stripe's 500.
    private func narrowed<Value>(_ body: () throws -> Value) throws(StripeError) -> Value {
        do {
            return try body()
        } catch let error as StripeError {
            throw error
        } catch {
            throw StripeError(500, "api_error", "The sandbox failed: \(error)")
        }
    }
}
