import FoundationEssentials
import Ledger
import Values

/// Where the accounts of a run are kept: the only thing that differs between a run in memory and
/// one on a database. Used by one thread.
package protocol LedgerEngine: AnyObject {
    var name: String { get }

    /// The plans that accounts may refer to.
    func install(_ catalog: Catalog) throws
    func insertUser(_ id: UUID, at now: Timestamp) throws
    func setActive(_ id: UUID, _ isActive: Bool) throws

    /// load → decide → write in one database transaction, as the lane does it.
    ///
    /// - Returns: the answers in the operations' order; all of it is durable then.
    /// - Throws: ``TransactionFailure``; nothing is written then, except where the failure says so.
    func transact(
        _ operations: [SimulatedOperation], _ rules: LedgerRules, clock: Timestamp,
        fault: SimulatedFault?
    ) throws -> [Answer]

    /// What is durable of a user; `nil` where there is none.
    func stored(_ user: UUID) throws -> StoredUser?
    /// When the account was last decided on; `nil` without an account.
    func decidedAt(_ user: UUID) throws -> Timestamp?
    /// Begins again with what is durable, as after a crash.
    func restart() throws
}

/// The rows of one user, as they are stored.
package struct StoredUser: Sendable {
    package var isActive: Bool
    package var account: Account?
    package var logs: [UsageLog]
    package var grants: [CreditGrant]
    package var steps: [HoldStep]
    /// The grants beside the pool.
    package var standalone: [StandaloneGrant]

    package init(
        isActive: Bool, account: Account?, logs: [UsageLog], grants: [CreditGrant],
        steps: [HoldStep] = [], standalone: [StandaloneGrant] = []
    ) {
        self.standalone = standalone
        self.isActive = isActive
        self.steps = steps
        self.account = account
        self.logs = logs
        self.grants = grants
    }
}

package enum TransactionFailure: Error {
    /// The database refused a statement.
    case database
    case crash
    /// Committed: these answers never arrived.
    case answerLost([Answer])
    /// Committed, and nobody was told.
    case crashAfterCommit([Answer])
}

extension SimulatedFault {
    /// Throws where this is the step after which the fault strikes.
    package func strike(after step: Int) throws {
        guard step == self.step else { return }
        switch kind {
        case .databaseError: throw TransactionFailure.database
        case .crash: throw TransactionFailure.crash
        case .answerLost, .crashAfterCommit: break
        }
    }

    package func strike(afterCommit answers: [Answer]) throws {
        switch kind {
        case .answerLost: throw TransactionFailure.answerLost(answers)
        case .crashAfterCommit: throw TransactionFailure.crashAfterCommit(answers)
        // The database transaction had fewer steps than the fault waited for: it happens now, too
        // late to undo anything.
        case .databaseError: break
        case .crash: throw TransactionFailure.crashAfterCommit(answers)
        }
    }
}
