import FoundationEssentials
import HTTPEndpoint
import Ledger
import Metering
import Values

/// What extend, capture and cancel answer of a call by key, refusals that are decisions included.
struct APIUsageHoldResponse: JSONObjectOutput {
    let success: Bool
    let code: APIHoldDecision
    let message: String
    let state: HoldState

    static let about = "What became of a hold of a call by key."
    static let fields: [OutputField<APIUsageHoldResponse>] = [
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

    static let decisions: [(Int, String)] = [
        (409, "`already_ended` or `request_mismatch`; nothing was changed.")
    ]

    /// - Parameter done: the code of what was done, or had been.
    /// - Throws: ``Problem`` for what is no decision on a hold.
    static func reply(
        to outcome: HoldOutcome, done: APIHoldDecision, _ message: String
    ) throws(Problem) -> Reply<APIUsageHoldResponse> {
        switch outcome {
        case .unknownUsage: throw Problem.usageNotFound
        case .notTheirs, .deactivatedUser: throw Problem.usageOfAnotherWorkspace
        case .holdTooLong(let maximum): throw Problem.holdTooLong(maximum)
        case .priceOutOfBounds:
            throw Problem.priceOutOfBounds([done == .extended ? "usage_estimate" : "metrics"])
        case .notPriced: throw Problem.notPriced
        case .done(let state, _, _):
            // A repetition is answered like the first, so that a retry needs no care.
            return Reply(
                APIUsageHoldResponse(success: true, code: done, message: message, state: state))
        case .refused(let refusal, let state):
            let told = refusal.told(of: state)
            return reply(
                ToldDenial(told.status, told.message, retryAfter: told.retryAfter),
                APIHoldDecision(refusal.code), state)
        }
    }

    static func reply(
        _ told: ToldDenial, _ code: APIHoldDecision, _ state: HoldState
    ) -> Reply<APIUsageHoldResponse> {
        Reply(
            APIUsageHoldResponse(
                success: false, code: code, message: told.message, state: state),
            status: told.status, headers: told.headers([]))
    }
}
