import Database
import Foundation
import Ledger
import Logging
import NIOPosix
import Values

/// The ledger's group commit: operations are decided on in batches, each batch in one database
/// transaction of load → decide → write.
final class LedgerLane: Sendable {
    /// Larger batches of single operations save little more, and smaller ones let the event loop
    /// answer one while the lane works on the next. Those that came together are answered together:
    /// as many as one request may bring share one batch.
    private static let bounds = GroupCommit<any LedgerOperation>.Bounds(
        maximumBatch: 32, maximumBulk: 256, worthwhileBatch: 8, maximumWaiting: 4096)
    /// How long closing waits for what was taken, in seconds: longer than a database transaction
    /// waits for another process, shorter than an operator waits for a shutdown.
    static let closingTime = 10.0

    private let group: GroupCommit<any LedgerOperation>
    private let database: any Database
    private let catalog: CatalogStore
    private let source: LedgerSource
    private let clock: DecisionClock
    private let spans: LedgerSpans
    private let metrics: LaneMetrics

    init(
        database: any Database, source: LedgerSource, catalog: CatalogStore,
        clock: DecisionClock, spans: LedgerSpans,
        metrics: LaneMetrics, logger: Logger
    ) {
        self.database = database
        self.catalog = catalog
        self.source = source
        self.clock = clock
        self.spans = spans
        self.metrics = metrics
        group = GroupCommit(name: "ledger", bounds: Self.bounds, logger: logger) { signal in
            guard let loop = MultiThreadedEventLoopGroup.currentEventLoop else { return false }
            loop.execute(signal)
            return true
        }
    }

    func start() {
        group.start(
            GroupCommit.Work(
                transact: { [self] in try transact($0) },
                answer: { operation, error in
                    if let error { operation.fail(with: error) } else { operation.succeed() }
                },
                record: { [metrics, product = source.tables.product] batch, elapsed in
                    metrics.record(
                        batch.lazy.compactMap(\.name), of: product, elapsed: elapsed)
                }))
    }

    /// - Returns: false where the lane is full or closed; the operation is then not touched.
    func submit(
        _ operation: any LedgerOperation, to queue: GroupCommitQueue = .single
    ) -> Bool { group.submit(operation, to: queue) }

    /// Whether so many more operations may wait now.
    func canTake(_ count: Int, in queue: GroupCommitQueue) -> Bool {
        group.canTake(count, in: queue)
    }

    /// Operations that wait, and those of the batch that is in work.
    var inProgress: Int { group.inProgress }

    /// What has been taken is still worked off.
    /// - Returns: how many operations wait for that, besides those of a batch that is in work.
    func takeNoMore() -> Int { group.takeNoMore() }

    /// Waits until a lane that takes no more has worked off what it took, or until the deadline.
    func finish(before deadline: Date) { group.finish(before: deadline) }

    /// load → decide → write, in one database transaction. A refusal is an outcome inside the batch
    /// and disturbs no other operation.
    private func transact(_ batch: [any LedgerOperation]) throws {
        try database.writeBlocking { connection in
            let now = clock.now()
            var needs = LedgerNeeds()
            for operation in batch { operation.add(to: &needs) }
            try DirectLedger.carryOut(
                needs, of: source, in: connection, clock: now
            ) { positions, revision in
                let rules = try catalog.rules(
                    of: positions, revision: revision, spans, in: connection)
                for operation in batch { try operation.judge(in: connection) }
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
