import HTTPEndpoint
import Ledger
import Metering

/// What extend, capture and cancel answer, refusals that are decisions included.
package struct UsageHoldResponse: HoldAnswer {
    package let success: Bool
    package let code: HoldRefusal.Code
    package let message: String
    package let state: HoldState

    package static let about = "What became of a hold."
    package static let fields: [OutputField<UsageHoldResponse>] = holdFields

    package init(success: Bool, code: HoldRefusal.Code, message: String, state: HoldState) {
        self.success = success
        self.code = code
        self.message = message
        self.state = state
    }

    package static func decision(_ code: HoldRefusal.Code) -> HoldRefusal.Code { code }
    package static var foreign: Problem { .usageOfAnotherUser }
    package static var lockedOut: Problem { .accountDeactivated }
}
