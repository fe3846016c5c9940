import FoundationEssentials
import HTTPEndpoint
import Ledger
import Metering
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
        case .notPriced: throw Problem.notPriced
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
