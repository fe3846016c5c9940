import FoundationEssentials
import HTTPEndpoint
import Ledger
import Values

extension HoldRefusal {
    /// Its status, a sentence for a person, and after how many seconds it may be asked again.
    package func told(
        of state: HoldState
    ) -> (status: Int, message: String, retryAfter: Int64?) {
        switch self {
        case .alreadyEnded:
            (409, "The call has already ended (\(state.status.rawValue)).", nil)
        case .requestMismatch: (409, "This id was given to another request of this call.", nil)
        case .holdExceeded:
            (409, "The part is larger than what is held (\(state.creditsReserved.decimal)).", nil)
        case .subscriptionInactive: (402, "The subscription is not active.", nil)
        case .quotaExceeded(let used, let limit, let needed, let seconds):
            (
                429,
                "Not enough credits: used \(used.decimal) of \(limit.decimal), "
                    + "needed \(needed.decimal).",
                seconds.map { max(1, $0) }
            )
        case .spendingLimitReached(let refusal): (429, refusal.sentence, refusal.retryAfter)
        case .parentEnded: (409, "The parent call has ended.", nil)
        case .parentHoldExceeded(let free, let needed):
            (429, Self.beyondParent(free, needed), nil)
        }
    }

    static func beyondParent(_ free: Credits, _ needed: Credits) -> String {
        "The parent call has \(free.decimal) credits free, needed \(needed.decimal)."
    }
}

extension SpendingRefusal {
    /// One sentence for a person.
    package var sentence: String {
        let span = window == .day ? "today" : "this month"
        return "The user's own limit for \(span) is reached: \(used.decimal) of "
            + "\(limit.decimal) credits are used or held, needed \(needed.decimal)."
    }
}
