import FoundationEssentials
import HTTPEndpoint
import HTTPTypes
import Ledger
import Values

/// A refused call in words: what is answered, whichever product's schema it is put into.
package struct ToldDenial: Sendable {
    package let status: Int
    /// One sentence for a person.
    package let message: String
    package var usageID: UUID?
    package var logStatus: UsageLog.Status?
    /// Seconds; `nil` if waiting does not help.
    package var retryAfter: Int64?

    package init(_ status: Int, _ message: String, retryAfter: Int64? = nil) {
        self.status = status
        self.message = message
        self.retryAfter = retryAfter
    }

    /// The headers of the answer.
    package func headers(_ limits: [RateLimitStanding]) -> HTTPFields {
        var headers = RateLimitHeaders.fields(limits)
        if let retryAfter { headers[.retryAfter] = String(retryAfter) }
        return headers
    }
}

extension ValidateUsage.Denial {
    /// - Parameter noSubscription: the sentence for an account that is none.
    package func told(noSubscription: String) -> ToldDenial {
        switch self {
        case .noSubscription: return ToldDenial(402, noSubscription)
        case .subscriptionInactive: return ToldDenial(402, "The subscription is not active.")
        case .rateLimited(let seconds):
            return ToldDenial(
                429, "Too many calls; try again in \(seconds) s.", retryAfter: seconds)
        case .requestAlreadyFinished(let usageID, let status):
            var told = ToldDenial(
                409,
                "This request has already ended (\(status.rawValue)); send a new request_id.")
            (told.usageID, told.logStatus) = (usageID, status)
            return told
        case .requestMismatch(let usageID, let status):
            var told = ToldDenial(
                409, "This request_id and payload were sent for another feature or parent.")
            (told.usageID, told.logStatus) = (usageID, status)
            return told
        case .quotaExceeded(let used, let limit, let needed, let seconds):
            return ToldDenial(
                429,
                "Not enough credits: used \(used.decimal) of \(limit.decimal), "
                    + "needed \(needed.decimal).", retryAfter: max(1, seconds))
        case .spendingLimitReached(let refusal):
            return ToldDenial(429, refusal.sentence, retryAfter: refusal.retryAfter)
        case .parentEnded(let status):
            return ToldDenial(409, "The parent call has ended (\(status.rawValue)).")
        case .parentHoldExceeded(let free, let needed):
            return ToldDenial(429, HoldRefusal.beyondParent(free, needed))
        }
    }
}
