import Database
import FoundationEssentials
import Ledger
import Logging
import Values

/// More operations wait than the ledger takes, or it is about to close. Nothing was done.
package struct LedgerOverloaded: Error {}

/// The way to every account: whatever moves credits, a period or a plan is a command that goes
/// through here.
public final class CareerLedger: Sendable {
    /// Lanes on an engine that has several writers.
    static let lanes = 2

    private let lanes: [LedgerLane]
    let spans: LedgerSpans
    private let logger: Logger

    public init(
        database: any Database, catalog: CatalogStore, clock: DecisionClock, spans: LedgerSpans,
        metrics: LaneMetrics, logger: Logger
    ) {
        lanes = (0..<(database.dialect == .sqlite ? 1 : Self.lanes)).map { _ in
            LedgerLane(
                database: database, catalog: catalog, clock: clock, spans: spans,
                metrics: metrics, logger: logger)
        }
        self.spans = spans
        self.logger = logger
        for lane in lanes { lane.start() }
    }

    /// One user's operations all go through one lane, where they do not wait for each other's
    /// locks.
    private func lane(of user: UUID) -> LedgerLane {
        lanes.count == 1 ? lanes[0] : lanes[Int(user.uuid.15) % lanes.count]
    }

    /// Carries a command out: durable when it returns.
    ///
    /// - Parameters:
    ///   - row: names the row besides the accounts that `alongside` waits for where somebody else
    ///     holds it; empty where there is none.
    ///   - alongside: runs in the same database transaction, after the decision's own writes. Where
    ///     it throws, nothing of this command is written.
    /// - Throws: ``LedgerOverloaded`` if too much is waiting; what the database throws.
    public func perform<Command: LedgerCommand>(
        _ command: Command, row: String = "",
        alongside: (@Sendable (any DatabaseConnection, Command.Outcome) throws -> Void)? = nil
    ) async throws -> Command.Outcome {
        try await withUnsafeThrowingContinuation { continuation in
            let operation = PendingCommand(
                command, row: row, alongside: alongside, continuation: continuation)
            if !lane(of: command.userID).submit(operation) {
                continuation.resume(throwing: LedgerOverloaded())
            }
        }
    }

    /// For what is about no one user: it all goes through one lane, where it does not wait for its
    /// own kind.
    ///
    /// - Parameter refuse: is told where too much is waiting; the operation is then not touched.
    func submit(_ operation: any LedgerOperation, refuse: (LedgerOverloaded) -> Void) {
        if !lanes[0].submit(operation) { refuse(LedgerOverloaded()) }
    }

    /// Operations that wait, and those of the batches that are in work, for `/metrics`.
    package var inProgress: Int { lanes.reduce(0) { $0 + $1.inProgress } }

    /// Takes nothing more, finishes what was taken and returns once it is durable, or once
    /// ``LedgerLane/closingTime`` is over: the database may then be closed.
    public func close() {
        let waiting = lanes.reduce(0) { $0 + $1.takeNoMore() }
        if waiting > 0 {
            logger.info(
                "the ledger finishes what it has taken", metadata: ["waiting": "\(waiting)"])
        }
        let deadline = Date(timeIntervalSinceNow: LedgerLane.closingTime)
        for lane in lanes { lane.finish(before: deadline) }
    }
}
