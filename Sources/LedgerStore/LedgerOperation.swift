import Database
import Ledger
import Values

/// An operation on its way through a lane. Used by the lane's thread alone, in the order of the
/// methods; all but the last two may come a second time after a rollback.
protocol LedgerOperation: Sendable {
    /// Names the row besides the accounts that others may hold and ``runAlongside(in:)`` waits for;
    /// empty if there is none.
    var row: String { get }
    func add(to needs: inout LedgerNeeds)
    /// Looks whether what the operation hangs on besides the ledger is so, once its account is
    /// locked and before it is decided on. An operation that is refused here writes nothing.
    func judge(in connection: any DatabaseConnection) throws
    func decide(in batch: inout LedgerBatch, _ rules: LedgerRules, clock: Timestamp)
    func runAlongside(in connection: any DatabaseConnection) throws
    func succeed()
    func fail(with error: any Error)
    /// What was decided, as metrics count it; `nil` before `decide`.
    var name: DecisionName? { get }
}

extension LedgerOperation {
    var row: String { "" }
    func judge(in connection: any DatabaseConnection) throws {}
    func runAlongside(in connection: any DatabaseConnection) throws {}
}

extension [any LedgerOperation] {
    /// Accounts are locked in the order of their keys, before all else, and the counters of fencing
    /// tokens after them; the rows besides these that two lanes, or two processes, may want at once
    /// are locked in an order too, so that no two batches wait for each other.
    func inOrderOfRows() -> Self {
        guard count > 1, contains(where: { !$0.row.isEmpty }) else { return self }
        return enumerated()
            .sorted { ($0.element.row, $0.offset) < ($1.element.row, $1.offset) }
            .map(\.element)
    }
}

/// A command, and what is written with it in the same database transaction.
final class PendingCommand<Command: LedgerCommand, Refusal: Error>:
    LedgerOperation, @unchecked Sendable
{
    typealias Judge = @Sendable (any DatabaseConnection) throws -> Refusal?
    typealias Alongside = @Sendable (any DatabaseConnection, Command.Outcome) throws -> Void
    typealias Answer = Result<Command.Outcome, Refusal>

    private let command: Command
    private let refusal: Judge?
    private let alongside: Alongside?
    private let continuation: UnsafeContinuation<Answer, any Error>
    /// Written and read by the lane's thread only.
    private var answer: Answer?
    private var defect: LedgerDefect?

    init(
        _ command: Command, refusal: Judge?, alongside: Alongside?,
        continuation: UnsafeContinuation<Answer, any Error>
    ) {
        self.command = command
        self.refusal = refusal
        self.alongside = alongside
        self.continuation = continuation
    }

    func add(to needs: inout LedgerNeeds) {
        needs.add(command)
    }

    func judge(in connection: any DatabaseConnection) throws {
        defect = nil
        answer = try refusal?(connection).map { .failure($0) }
    }

    func decide(in batch: inout LedgerBatch, _ rules: LedgerRules, clock: Timestamp) {
        if case .failure = answer { return }
        do {
            answer = .success(try batch.apply(command, rules, clock: clock))
        } catch {
            defect = error
        }
    }

    func runAlongside(in connection: any DatabaseConnection) throws {
        if let alongside, case .success(let outcome) = answer {
            try alongside(connection, outcome)
        }
    }

    var name: DecisionName? {
        switch answer {
        case .success(let outcome): Command.name(of: outcome)
        case .failure: DecisionName("other", "refused")
        case nil: defect.map { _ in DecisionName("other", "defect") }
        }
    }

    /// A defect undoes its own command alone, so that the batch is durable without it.
    func succeed() {
        if let answer {
            continuation.resume(returning: answer)
        } else if let defect {
            continuation.resume(throwing: defect)
        }
    }

    func fail(with error: any Error) {
        continuation.resume(throwing: error)
    }
}

/// Takes the next fencing token of a subscription.
final class PendingToken: LedgerOperation, @unchecked Sendable {
    private let subscriptionID: String
    private let continuation: UnsafeContinuation<Int64, any Error>
    /// Written and read by the lane's thread only.
    private var number: Int64?

    init(_ subscriptionID: String, continuation: UnsafeContinuation<Int64, any Error>) {
        self.subscriptionID = subscriptionID
        self.continuation = continuation
    }

    func add(to needs: inout LedgerNeeds) {
        needs.tokens.insert(subscriptionID)
    }

    func decide(in batch: inout LedgerBatch, _ rules: LedgerRules, clock: Timestamp) {
        number = batch.takeToken(of: subscriptionID).number
    }

    var name: DecisionName? { number.map { _ in DecisionName("write", "done") } }

    func succeed() {
        if let number { continuation.resume(returning: number) }
    }

    func fail(with error: any Error) {
        continuation.resume(throwing: error)
    }
}
