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
    private let database: any Database
    private let catalog: CatalogStore
    package let source: LedgerSource
    private let clock: DecisionClock
    package let spans: LedgerSpans
    private let logger: Logger

    /// - Parameter source: whose accounts they are; the catalog is the same product's.
    package init(
        database: any Database, source: LedgerSource, catalog: CatalogStore,
        clock: DecisionClock, spans: LedgerSpans,
        metrics: LaneMetrics, logger: Logger
    ) {
        lanes = (0..<(database.dialect == .sqlite ? 1 : Self.lanes)).map { _ in
            LedgerLane(
                database: database, source: source, catalog: catalog, clock: clock, spans: spans,
                metrics: metrics, logger: logger)
        }
        self.database = database
        self.catalog = catalog
        self.source = source
        self.clock = clock
        self.spans = spans
        self.logger = logger
    }

    /// Starts the lanes' threads: from now on commands are carried out.
    package func start() {
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
    ///   - queue: the bulk one for a command that came with many others.
    ///   - alongside: runs in the same database transaction, after the decision's own writes. If it
    ///     throws, nothing of this command is written.
    /// - Throws: ``LedgerOverloaded`` if too much is waiting; what the database throws.
    public func perform<Command: LedgerCommand>(
        _ command: Command, in queue: GroupCommitQueue = .single,
        alongside: (@Sendable (any DatabaseConnection, Command.Outcome) throws -> Void)? = nil
    ) async throws -> Command.Outcome {
        let answer: Result<Command.Outcome, Never> = try await submit(
            command, to: queue, refusal: nil, alongside: alongside)
        switch answer {
        case .success(let outcome): return outcome
        }
    }

    /// The same for a command that hangs on more than the ledger: a code that is used once, a
    /// letter that is still there.
    ///
    /// - Parameter refusal: is asked in the same database transaction, once the account is locked
    ///   and before the command is decided on; it locks the rows that it reads. If it returns
    ///   something it must have written nothing, and nothing of the command is written.
    /// - Throws: as ``perform(_:alongside:)`` does, and never the refusal.
    package func perform<Command: LedgerCommand, Refusal: Error>(
        _ command: Command,
        unless refusal: @escaping @Sendable (any DatabaseConnection) throws -> Refusal?,
        alongside: (@Sendable (any DatabaseConnection, Command.Outcome) throws -> Void)? = nil
    ) async throws -> Result<Command.Outcome, Refusal> {
        try await submit(command, to: .single, refusal: refusal, alongside: alongside)
    }

    /// Decides on a snapshot and throws away what would be written: for requests that only read,
    /// which wait for nobody and hold nobody up.
    ///
    /// - Throws: what the database throws; ``LedgerDefect``.
    package func look<Command: LedgerCommand>(
        at command: Command
    ) async throws -> Command.Outcome {
        try await database.read { [self] connection in
            try look(at: [command], in: connection)[0]
        }
    }

    /// The same for many at once, for a caller who holds the connection.
    package func look<Command: LedgerCommand>(
        at commands: [Command], in connection: any DatabaseConnection
    ) throws -> [Command.Outcome] {
        let now = clock.now()
        var needs = LedgerNeeds()
        for command in commands { needs.add(command) }
        let loaded = try LedgerTables.load(
            needs, of: source, from: connection, now: now, isSnapshot: true)
        let rules = try catalog.rules(
            of: loaded.batch, revision: loaded.catalogRevision, spans, in: connection)
        var batch = loaded.batch
        return try commands.map { try batch.apply($0, rules, clock: now) }
    }

    /// Adds up, on a snapshot and while nobody waits, what counts against limits.
    ///
    /// - Returns: `nil` for an account that has limits, or that is none.
    package func countSpending(of userID: UUID) async throws -> CountedSpending? {
        try await database.read { [clock, source] connection in
            let loaded = try LedgerTables.load(
                LedgerNeeds(users: [userID]), of: source, from: connection, now: clock.now(),
                isSnapshot: true)
            guard let account = loaded.batch.entries[userID]?.account else { return nil }
            return try SpendingRow.count(
                of: userID, source.tables, account.context, in: connection)
        }
    }

    func read<Fact: Sendable>(
        _ fact: @escaping @Sendable (any DatabaseConnection) throws -> Fact
    ) async throws -> Fact { try await database.read(fact) }

    private func submit<Command: LedgerCommand, Refusal: Error>(
        _ command: Command, to queue: GroupCommitQueue,
        refusal: PendingCommand<Command, Refusal>.Judge?,
        alongside: PendingCommand<Command, Refusal>.Alongside?
    ) async throws -> Result<Command.Outcome, Refusal> {
        try await withUnsafeThrowingContinuation { continuation in
            let operation = PendingCommand(
                command, refusal: refusal, alongside: alongside, continuation: continuation)
            if !lane(of: command.userID).submit(operation, to: queue) {
                continuation.resume(throwing: LedgerOverloaded())
            }
        }
    }

    /// Whether so many more commands may wait now, whichever users they are for.
    package func canTake(_ count: Int, in queue: GroupCommitQueue) -> Bool {
        lanes.allSatisfy { $0.canTake(count, in: queue) }
    }

    /// Takes the next fencing token of a subscription, whose counters all lanes share.
    package func takeToken(of subscriptionID: String) async throws -> Int64 {
        try await withUnsafeThrowingContinuation { continuation in
            submit(PendingToken(subscriptionID, continuation: continuation)) {
                continuation.resume(throwing: $0)
            }
        }
    }

    /// Whether a later fetch of the subscription than the token's has been applied.
    package static func isOutOfDate(
        _ token: Int64, of subscriptionID: String, in connection: any DatabaseConnection
    ) throws -> Bool {
        try FencingTable.applied(subscriptionID, in: connection) > token
    }

    /// The last token that was taken; 0 if none was.
    package static func lastToken(
        of subscriptionID: String, in connection: any DatabaseConnection
    ) throws -> Int64 {
        try FencingTable.issued(subscriptionID, in: connection)
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
