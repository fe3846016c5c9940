import Database
import Foundation
import Ledger
import Logging
import NIOPosix
import Synchronization
import Values

/// One thread that works off the ledger's operations in groups. It takes whatever has arrived
/// while its previous batch was being made durable and carries it out in one database transaction:
/// one fsync serves the whole batch, and since there is no timer a lone operation waits for nobody.
final class LedgerLane: Sendable {
    /// Operations in one database transaction. Larger batches save little more, and smaller ones let
    /// the event loop answer one while the lane works on the next.
    static let maximumBatch = 32
    /// Operations for which a waiting lane starts though more may be about to come.
    static let worthwhileBatch = 8
    /// Operations that may wait; beyond it they are refused before any work is done.
    static let maximumWaiting = 4096
    /// How long closing waits for what was taken, in seconds: longer than a database transaction
    /// waits for another process, shorter than an operator waits for a shutdown.
    static let closingTime = 10.0

    private struct Queue {
        var operations: [any LedgerOperation] = []
        /// Of the batch that the lane's thread is at.
        var inWork = 0
        var inProgress: Int { operations.count + inWork }
        var isClosed = false
        /// Whether the lane's thread is there.
        var isWorking = false
    }

    private let condition = NSCondition()
    /// Guarded by `condition`.
    private nonisolated(unsafe) var queue = Queue()
    private let database: any Database
    private let catalog: CatalogStore
    private let clock: DecisionClock
    private let spans: LedgerSpans
    /// Used by the lane's thread only.
    private nonisolated(unsafe) var ledger: DirectLedger
    private let logger: Logger
    let metrics: LaneMetrics

    init(
        database: any Database, catalog: CatalogStore, clock: DecisionClock, spans: LedgerSpans,
        metrics: LaneMetrics, logger: Logger
    ) {
        self.database = database
        self.catalog = catalog
        self.clock = clock
        self.spans = spans
        self.ledger = DirectLedger(reservationTTL: spans.reservationTTL)
        self.metrics = metrics
        self.logger = logger
    }

    func start() {
        condition.lock()
        queue.isWorking = true
        condition.unlock()
        let thread = Thread { [self] in work() }
        thread.name = "ledger"
        thread.stackSize = 1 << 20
        thread.start()
    }

    /// - Returns: false where the lane is full or closed; the operation is then not touched.
    func submit(_ operation: any LedgerOperation) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        guard !queue.isClosed, queue.operations.count < Self.maximumWaiting else { return false }
        queue.operations.append(operation)
        switch queue.operations.count {
        case 1: wake()
        case Self.worthwhileBatch: condition.signal()
        default: break
        }
        return true
    }

    /// Operations that wait, and those of the batch that is in work.
    var inProgress: Int {
        condition.lock()
        defer { condition.unlock() }
        return queue.inProgress
    }

    /// Wakes the lane's thread for the first of some operations. From an event loop, once it has
    /// come round: what its other connections have for the lane then goes into the same batch.
    private func wake() {
        guard let loop = MultiThreadedEventLoopGroup.currentEventLoop else {
            condition.signal()
            return
        }
        loop.execute { [condition] in condition.signal() }
    }

    /// What has been taken is still worked off.
    /// - Returns: how many operations wait for that, besides those of a batch that is in work.
    func takeNoMore() -> Int {
        condition.lock()
        defer { condition.unlock() }
        queue.isClosed = true
        condition.broadcast()
        return queue.operations.count
    }

    /// Waits until a lane that takes no more has worked off what it took, or until the deadline.
    func finish(before deadline: Date) {
        condition.lock()
        defer { condition.unlock() }
        while queue.isWorking {
            guard condition.wait(until: deadline) else {
                logger.error(
                    "the ledger closes with operations unfinished",
                    metadata: ["operations": "\(queue.inProgress)"])
                return
            }
        }
    }

    private func work() {
        while let batch = nextBatch() {
            carryOut(batch)
        }
        condition.lock()
        queue.isWorking = false
        condition.broadcast()
        condition.unlock()
    }

    private func nextBatch() -> [any LedgerOperation]? {
        condition.lock()
        defer { condition.unlock() }
        queue.inWork = 0
        while queue.operations.isEmpty {
            if queue.isClosed { return nil }
            condition.wait()
        }
        queue.inWork = min(queue.operations.count, Self.maximumBatch)
        guard queue.operations.count > Self.maximumBatch else {
            defer { queue.operations = [] }
            return queue.operations
        }
        defer { queue.operations.removeFirst(Self.maximumBatch) }
        return Array(queue.operations.prefix(Self.maximumBatch))
    }

    /// A refusal is an outcome inside the batch and disturbs no other. An operation that throws
    /// undoes the batch; it is found by carrying the operations out one by one. Where the database
    /// is away they all fail: whether they were committed may not even be known, and whoever
    /// repeats one is told how it stands.
    private func carryOut(_ batch: [any LedgerOperation]) {
        let start = ContinuousClock.now
        do {
            try transact(batch)
        } catch DatabaseError.unavailable(let reason) {
            for operation in batch { operation.fail(with: DatabaseError.unavailable(reason)) }
            return
        } catch {
            guard batch.count > 1 else {
                batch[0].fail(with: error)
                return
            }
            // Whose operation it was is told, and tells what it means.
            logger.debug("batch rolled back", metadata: ["error": "\(error)"])
            for operation in batch { carryOut([operation]) }
            return
        }
        metrics.record(batch.lazy.compactMap(\.name), elapsed: ContinuousClock.now - start)
        for operation in batch { operation.succeed() }
    }

    /// load → decide → write, in one database transaction.
    private func transact(_ batch: [any LedgerOperation]) throws {
        try database.writeBlocking { connection in
            let now = clock.now()
            var needs = LedgerNeeds()
            for operation in batch { operation.add(to: &needs) }
            try ledger.carryOut(needs, in: connection, clock: now) { positions, revision in
                let rules = LedgerRules(
                    catalog: try catalog.current(revision: revision, in: connection),
                    reservationTTL: spans.reservationTTL, pastDueGrace: spans.pastDueGrace)
                for operation in batch { operation.decide(in: &positions, rules, clock: now) }
            }
            for operation in batch.inOrderOfRows() {
                try operation.runAlongside(in: connection)
            }
        }
    }
}

/// The two spans of the settings that decisions need, in seconds.
public struct LedgerSpans: Sendable {
    public let reservationTTL: Int64
    public let pastDueGrace: Int64

    public init(reservationTTL: Int64, pastDueGrace: Int64) {
        self.reservationTTL = reservationTTL
        self.pastDueGrace = pastDueGrace
    }
}

/// A command on its way through a lane. Used by the lane's thread alone, in the order of the
/// methods; `decide` may come a second time after a rollback.
protocol LedgerOperation: Sendable {
    /// Names the row besides the accounts that others may hold and ``runAlongside(in:)`` waits for;
    /// empty where there is none.
    var row: String { get }
    func add(to needs: inout LedgerNeeds)
    func decide(in batch: inout LedgerBatch, _ rules: LedgerRules, clock: Timestamp)
    func runAlongside(in connection: any DatabaseConnection) throws
    func succeed()
    func fail(with error: any Error)
    /// What was decided, as metrics count it; `nil` before `decide`.
    var name: DecisionName? { get }
}

extension [any LedgerOperation] {
    /// Accounts are locked in the order of their keys, before all else; the rows besides them that
    /// two lanes, or two processes, may want at once are locked in an order too, so that no two
    /// batches wait for each other.
    fileprivate func inOrderOfRows() -> Self {
        guard count > 1, contains(where: { !$0.row.isEmpty }) else { return self }
        return enumerated()
            .sorted { ($0.element.row, $0.offset) < ($1.element.row, $1.offset) }
            .map(\.element)
    }
}

final class PendingCommand<Command: LedgerCommand>: LedgerOperation, @unchecked Sendable {
    typealias Alongside = @Sendable (any DatabaseConnection, Command.Outcome) throws -> Void

    let row: String
    private let command: Command
    private let alongside: Alongside?
    private let continuation: UnsafeContinuation<Command.Outcome, any Error>
    /// Written and read by the lane's thread only.
    private var outcome: Command.Outcome?

    init(
        _ command: Command, row: String, alongside: Alongside?,
        continuation: UnsafeContinuation<Command.Outcome, any Error>
    ) {
        self.command = command
        self.row = row
        self.alongside = alongside
        self.continuation = continuation
    }

    func add(to needs: inout LedgerNeeds) {
        needs.add(command)
    }

    func decide(in batch: inout LedgerBatch, _ rules: LedgerRules, clock: Timestamp) {
        outcome = batch.apply(command, rules, clock: clock)
    }

    func runAlongside(in connection: any DatabaseConnection) throws {
        if let alongside, let outcome { try alongside(connection, outcome) }
    }

    var name: DecisionName? { outcome.map(Command.name) }

    func succeed() {
        if let outcome { continuation.resume(returning: outcome) }
    }

    func fail(with error: any Error) {
        continuation.resume(throwing: error)
    }
}
