import FoundationEssentials
import HTTPEndpoint
import Ledger
import Values

/// What extend, capture and cancel answer, refusals that are decisions included.
package struct UsageHoldResponse: JSONObjectOutput {
    let success: Bool
    let code: HoldRefusal.Code
    let message: String
    let state: HoldState

    package static let about = "What became of a hold."
    package static let fields: [OutputField<UsageHoldResponse>] = [
        OutputField("success", .bool, "Whether it was done, or had been.") { $0.success },
        OutputField("code", .oneOf, "The decision, for programs.") { $0.code },
        OutputField("message", .text, "One sentence for a person.") { $0.message },
        OutputField("status", .oneOf, "How the call stands.") { $0.state.status },
        OutputField("usage_id", .uuid, "The log.") { $0.state.usageID },
        OutputField(
            "credits_reserved", .credits, "What is held now; after the end all that ever was."
        ) {
            $0.state.creditsReserved
        },
        OutputField("credits_charged", .credits, "What was charged of it until now.") {
            $0.state.creditsCharged
        },
        OutputField("expires_at", .time, "When the hold lapses.") { $0.state.expiresAt },
    ]

    /// - Parameter done: the code of what was done, or had been.
    /// - Throws: ``Problem`` for what is no decision on a hold.
    package static func reply(
        to outcome: HoldOutcome, done: HoldRefusal.Code, _ message: String
    ) throws(Problem) -> Reply<UsageHoldResponse> {
        switch outcome {
        case .unknownUsage: throw Problem.usageNotFound
        case .notTheirs: throw Problem.usageOfAnotherUser
        case .deactivatedUser: throw Problem.accountDeactivated
        case .holdTooLong(let maximum): throw Problem.holdTooLong(maximum)
        case .priceOutOfBounds:
            throw Problem.priceOutOfBounds([done == .extended ? "usage_estimate" : "metrics"])
        case .notPriced:
            throw Problem.invalid([
                FieldError(
                    ["body", "metrics"], "are no price: the feature has none of tokens",
                    type: "not_priced")
            ])
        case .done(let state, _, _):
            // A repetition is answered like the first, so that a retry needs no care.
            return Reply(
                UsageHoldResponse(success: true, code: done, message: message, state: state))
        case .refused(let refusal, let state):
            let told = refusal.told(of: state)
            var reply = Reply(
                UsageHoldResponse(
                    success: false, code: refusal.code, message: told.message, state: state),
                status: told.status)
            if let seconds = told.retryAfter { reply.headers[.retryAfter] = String(seconds) }
            return reply
        }
    }

    /// The statuses with which the three refuse, for the document.
    package static let decisions: [(Int, String)] = [
        (409, "`already_ended` or `request_mismatch`; nothing was changed.")
    ]
}

extension HoldRefusal {
    fileprivate func told(
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
    var sentence: String {
        let span = window == .day ? "today" : "this month"
        return "The user's own limit for \(span) is reached: \(used.decimal) of "
            + "\(limit.decimal) credits are used or held, needed \(needed.decimal)."
    }
}
