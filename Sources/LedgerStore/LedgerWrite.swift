import Database
import Ledger
import Values

extension CareerLedger {
    /// Writes in the lane's next database transaction, together with whatever else is waiting for
    /// it, so that a burst of small writes shares one fsync: durable when it returns.
    ///
    /// - Parameters:
    ///   - row: names the row that the body waits for where somebody else holds it.
    ///   - body: may run twice, where a neighbour undoes the first try; what it throws undoes its own
    ///     writes alone.
    /// - Throws: ``LedgerOverloaded`` if too much is waiting; what the database throws.
    package func write<Value: Sendable>(
        row: String, _ body: @escaping @Sendable (any DatabaseConnection) throws -> Value
    ) async throws -> Value {
        try await withUnsafeThrowingContinuation { continuation in
            submit(PendingWrite(row: row, body, continuation: continuation)) {
                continuation.resume(throwing: $0)
            }
        }
    }
}

/// A write that decides nothing, on its way through a lane.
private final class PendingWrite<Value: Sendable>: LedgerOperation, @unchecked Sendable {
    let row: String
    private let body: @Sendable (any DatabaseConnection) throws -> Value
    private let continuation: UnsafeContinuation<Value, any Error>
    /// Written and read by the lane's thread only.
    private var value: Value?

    init(
        row: String, _ body: @escaping @Sendable (any DatabaseConnection) throws -> Value,
        continuation: UnsafeContinuation<Value, any Error>
    ) {
        self.row = row
        self.body = body
        self.continuation = continuation
    }

    func add(to needs: inout LedgerNeeds) {}

    func decide(in batch: inout LedgerBatch, _ rules: LedgerRules, clock: Timestamp) {}

    func runAlongside(in connection: any DatabaseConnection) throws {
        value = try body(connection)
    }

    var name: DecisionName? { value.map { _ in DecisionName("write", "done") } }

    func succeed() {
        if let value { continuation.resume(returning: value) }
    }

    func fail(with error: any Error) {
        continuation.resume(throwing: error)
    }
}
