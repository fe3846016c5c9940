import HTTPEndpoint
import Ledger
import Metering

/// What extend, capture and cancel answer of a call by key, refusals that are decisions included.
struct APIUsageHoldResponse: HoldAnswer {
    let success: Bool
    let code: APIHoldDecision
    let message: String
    let state: HoldState

    static let about = "What became of a hold of a call by key."
    static let fields: [OutputField<APIUsageHoldResponse>] = holdFields

    static func decision(_ code: HoldRefusal.Code) -> APIHoldDecision { APIHoldDecision(code) }
    static var foreign: Problem { .usageOfAnotherWorkspace }
    static var lockedOut: Problem { .usageOfAnotherWorkspace }
}
