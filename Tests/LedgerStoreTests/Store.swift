import Database
import Foundation
import Ledger
import LedgerStore
import Logging
import Synchronization
import TestFixtures
import Values

/// The ledger over a database of SQLite, at an instant that stays.
struct Store: Sendable {
    static let spans = LedgerSpans(reservationTTL: 900, pastDueGrace: 3 * 86_400)

    static let source = LedgerSource.career(
        holderStanding: "SELECT is_active FROM users WHERE id = ?")

    let database: any Database
    let ledger: CareerLedger
    let metrics: LaneMetrics

    static func run(_ body: (Store) async throws -> Void) async throws {
        try await withTemporaryDatabase { database in
            let catalog = try TestCatalog.catalog()
            try await database.write { connection in
                try DirectLedger.install(catalog, in: connection, now: TestCatalog.start)
            }
            let store = Store(over: database)
            do {
                try await body(store)
            } catch {
                store.ledger.close()
                throw error
            }
            store.ledger.close()
        }
    }

    /// As another process has it, by its clock.
    init(
        over database: any Database, clock: DecisionClock = DecisionClock { TestCatalog.start }
    ) {
        self.database = database
        metrics = LaneMetrics()
        ledger = CareerLedger(
            database: database, source: Self.source, catalog: CatalogStore(),
            clock: clock, spans: Self.spans, metrics: metrics,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        ledger.start()
    }

    /// A user who is on the Free plan.
    func newUser(_ number: UInt8) async throws -> UUID {
        let id = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, number))
        try await database.insertUser(id, at: TestCatalog.start)
        _ = try await ledger.perform(
            ActivateFreeSubscription(userID: id, subscriptionID: id, former: nil))
        return id
    }

    func entry(of user: UUID) async throws -> LedgerBatch.Entry? {
        try await database.write { try DirectLedger.entry(of: user, Self.source, in: $0) }
    }

    func logs(of user: UUID) async throws -> [UsageLog] {
        try await database.read { try DirectLedger.logs(of: user, in: $0) }
    }

    typealias Operation<Value> = @Sendable (CareerLedger) async throws -> Value

    /// Carries the operations out in one batch, in their order: the lane is held in another one
    /// until all of them wait.
    func inOneBatch<Value: Sendable>(
        _ operations: [Operation<Value>]
    ) async -> [Result<Value, any Error>] {
        let gate = DispatchSemaphore(value: 0)
        await hold(gate)
        var waiting: [Task<Result<Value, any Error>, Never>] = []
        for operation in operations {
            waiting.append(Task { await result(of: operation) })
            while ledger.inProgress < waiting.count + 1 { await Task.yield() }
        }
        gate.signal()
        var results: [Result<Value, any Error>] = []
        for task in waiting { results.append(await task.value) }
        return results
    }

    /// Carries the operation out while the lane holds the only database transaction that may write.
    func whileHeld<Value: Sendable>(
        _ operation: Operation<Value>
    ) async -> Result<Value, any Error> {
        let gate = DispatchSemaphore(value: 0)
        await hold(gate)
        let result = await result(of: operation)
        gate.signal()
        return result
    }

    /// Returns once the lane is in a batch that ends when the gate opens.
    private func hold(_ gate: DispatchSemaphore) async {
        let isHeld = Flag()
        Task {
            try await ledger.write(row: "") { _ in
                isHeld.set()
                gate.wait()
            }
        }
        while !isHeld.isSet { await Task.yield() }
    }

    private func result<Value>(
        of operation: Operation<Value>
    ) async -> Result<Value, any Error> {
        do {
            return .success(try await operation(ledger))
        } catch {
            return .failure(error)
        }
    }
}

private final class Flag: Sendable {
    private let value = Mutex(false)
    var isSet: Bool { value.withLock { $0 } }

    func set() { value.withLock { $0 = true } }
}

extension Result where Failure == any Error {
    var error: Failure? {
        guard case .failure(let error) = self else { return nil }
        return error
    }
}

extension Array {
    /// What each operation was answered with.
    func values<Value>() throws -> [Value] where Element == Result<Value, any Error> {
        try map { try $0.get() }
    }
}

extension ValidateUsage {
    init(_ user: UUID, _ request: String = "r") {
        self.init(
            key: IdempotencyKey(
                userID: user, requestID: request, payloadHash: String(repeating: "0", count: 64)),
            featureKey: "match", call: UsageLog.Call(endpoint: "/", method: "POST"),
            randomness: request.utf8.reduce(UInt64(user.uuid.15)) { $0 &* 257 &+ UInt64($1) })
    }
}

extension ValidateUsage.Outcome {
    var grant: ValidateUsage.Grant? {
        guard case .granted(let grant, _) = self else { return nil }
        return grant
    }
}
