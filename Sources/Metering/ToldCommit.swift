import HTTPEndpoint
import Ledger
import Values

/// What is told of a commit, whichever product's schema it is put into.
package struct ToldCommit: Sendable {
    /// Whether it was applied, or had been.
    package let success: Bool
    /// One sentence for a person.
    package let message: String
    /// How the call ended.
    package let status: UsageLog.Status
    /// What the whole call cost.
    package let creditsCharged: Credits
    package var creditsNotCharged = Credits.zero
    package var isLate = false

    /// Accepted for good, to be applied later.
    ///
    /// - Parameter charged: what was captured until now.
    package static func accepted(charged: Credits) -> ToldCommit {
        ToldCommit(
            success: true, message: "Accepted; it will be applied.", status: .pending,
            creditsCharged: charged)
    }

    /// The status of the answer of a commit that was judged.
    package var answered: Int { success ? 200 : 409 }
}

extension CommitUsage.Outcome {
    /// - Parameter foreign: the call is another account's than the request names.
    /// - Throws: ``Problem`` for what is no decision on a commit.
    package func told(foreign: Problem) throws(Problem) -> ToldCommit {
        switch self {
        case .unknownUsage: throw Problem.usageNotFound
        case .notTheirs: throw foreign
        case .priceOutOfBounds: throw Problem.priceOutOfBounds(["metrics"])
        case .applied(let status, let charged, _, _, let notCharged, let isLate):
            // A repetition is answered like the first, so that a retry needs no care.
            return ToldCommit(
                success: true, message: "Committed.", status: status, creditsCharged: charged,
                creditsNotCharged: notCharged, isLate: isLate)
        case .refused(let status, let charged):
            return ToldCommit(
                success: false, message: "The call has already ended (\(status.rawValue)).",
                status: status, creditsCharged: charged)
        }
    }
}
