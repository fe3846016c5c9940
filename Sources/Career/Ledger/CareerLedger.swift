import CareerDomain
import Database
import FoundationEssentials
import HTTPEndpoint
import Logging

/// The way to every account: whatever moves credits, a period or a plan is a command that goes
/// through here.
public final class CareerLedger: Sendable {
    private let lane: LedgerLane

    public init(
        database: any Database, catalog: CatalogStore, clock: DecisionClock, spans: LedgerSpans,
        metrics: LaneMetrics, logger: Logger
    ) {
        lane = LedgerLane(
            database: database, catalog: catalog, clock: clock, spans: spans, metrics: metrics,
            logger: logger)
        lane.start()
    }

    /// Carries a command out: durable when it returns.
    ///
    /// - Parameter alongside: runs in the same database transaction, after the decision's own
    ///   writes. Where it throws, nothing of this command is written.
    /// - Throws: ``Problem/overloaded`` where too much is waiting; what the database throws.
    public func perform<Command: LedgerCommand>(
        _ command: Command,
        alongside: (@Sendable (any DatabaseConnection, Command.Outcome) throws -> Void)? = nil
    ) async throws -> Command.Outcome {
        try await withUnsafeThrowingContinuation { continuation in
            let operation = PendingCommand(
                command, alongside: alongside, continuation: continuation)
            submit(operation) { continuation.resume(throwing: $0) }
        }
    }

    /// - Parameter refuse: is told where too much is waiting; the operation is then not touched.
    func submit(_ operation: any LedgerOperation, refuse: (Problem) -> Void) {
        if !lane.submit(operation) { refuse(.overloaded) }
    }

    /// Takes nothing more, finishes what was taken and returns once it is durable, or once
    /// ``LedgerLane/closingTime`` is over: the database may then be closed.
    public func close() {
        lane.close()
    }
}
