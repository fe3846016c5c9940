import FoundationEssentials
import HTTPEndpoint
import Ledger
import Values

/// What extend, capture and cancel answer, refusals that are decisions included. Each product has
/// an answer of its own: its name in the document, its decisions, and whose a call is.
package protocol HoldAnswer: JSONObjectOutput {
    associatedtype Decision: RawRepresentable, CaseIterable, Sendable, SendableMetatype
    where Decision.RawValue == String

    /// Whether it was done, or had been.
    var success: Bool { get }
    var code: Decision { get }
    /// One sentence for a person.
    var message: String { get }
    var state: HoldState { get }

    init(success: Bool, code: Decision, message: String, state: HoldState)

    /// A decision of the ledger's, as the product calls it.
    static func decision(_ code: HoldRefusal.Code) -> Decision

    /// The call is another account's than the request names.
    static var foreign: Problem { get }
    /// The call is that of an account which an operator has locked out.
    static var lockedOut: Problem { get }
}

extension HoldAnswer {
    /// All fields, in their order.
    package static var holdFields: [OutputField<Self>] {
        [
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
    }

    /// - Parameter done: the code of what was done, or had been.
    /// - Throws: ``Problem`` for what is no decision on a hold.
    package static func reply(
        to outcome: HoldOutcome, done: HoldRefusal.Code, _ message: String
    ) throws(Problem) -> Reply<Self> {
        switch outcome {
        case .unknownUsage: throw Problem.usageNotFound
        case .notTheirs: throw foreign
        case .deactivatedUser: throw lockedOut
        case .holdTooLong(let maximum): throw Problem.holdTooLong(maximum)
        case .priceOutOfBounds:
            throw Problem.priceOutOfBounds([done == .extended ? "usage_estimate" : "metrics"])
        case .notPriced: throw Problem.notPriced
        case .done(let state, _, _):
            // A repetition is answered like the first, so that a retry needs no care.
            return Reply(
                Self(success: true, code: decision(done), message: message, state: state))
        case .refused(let refusal, let state):
            return reply(refusal.told(of: state), decision(refusal.code), state)
        }
    }

    /// A refusal that is a decision.
    package static func reply(
        _ told: ToldDenial, _ code: Decision, _ state: HoldState
    ) -> Reply<Self> {
        Reply(
            Self(success: false, code: code, message: told.message, state: state),
            status: told.status, headers: told.headers([]))
    }
}

/// The status with which a hold that has ended is refused, for the document.
package enum HoldDecisions {
    package static var ended: [(Int, String)] {
        [(409, "`already_ended` or `request_mismatch`; nothing was changed.")]
    }
}
