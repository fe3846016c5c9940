import FoundationEssentials
import HTTPEndpoint
import Ledger
import Values

extension HoldRefusal {
    package func told(of state: HoldState) -> ToldDenial {
        switch self {
        case .alreadyEnded:
            ToldDenial(409, "The call has already ended (\(state.status.rawValue)).")
        case .requestMismatch:
            ToldDenial(409, "This id was given to another request of this call.")
        case .holdExceeded:
            ToldDenial(
                409, "The part is larger than what is held (\(state.creditsReserved.decimal)).")
        case .subscriptionInactive: ToldDenial(402, "The subscription is not active.")
        case .quotaExceeded(let used, let limit, let needed, let seconds):
            ToldDenial(
                429,
                "Not enough credits: used \(used.decimal) of \(limit.decimal), "
                    + "needed \(needed.decimal).", retryAfter: seconds.map { max(1, $0) })
        case .spendingLimitReached(let refusal):
            ToldDenial(429, refusal.sentence, retryAfter: refusal.retryAfter)
        case .parentEnded: ToldDenial(409, "The parent call has ended.")
        case .parentHoldExceeded(let free, let needed):
            ToldDenial(429, Self.beyondParent(free, needed))
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
