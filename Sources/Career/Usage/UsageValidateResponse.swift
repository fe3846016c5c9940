import FoundationEssentials
import HTTPEndpoint
import HTTPTypes
import Ledger
import Metering
import Values

package struct UsageValidateResponse: JSONObjectOutput {
    enum Access: String, CaseIterable, Sendable {
        case granted
        case denied
    }

    var access = Access.denied
    let userID: UUID
    var usageID: UUID?
    let message: String
    var creditsReserved = Credits.zero
    var status: UsageLog.Status?
    let code: ValidateUsage.Code
    var expiresAt: Timestamp?

    package static let about = "The decision on a call."
    package static let fields: [OutputField<UsageValidateResponse>] = [
        OutputField("access", .oneOf, "Whether the call may run.") { $0.access },
        OutputField("user_id", .uuid, "Whose call it is.") { $0.userID },
        OutputField("usage_id", .nullable(.uuid), "The log; commit with it.") { $0.usageID },
        OutputField("message", .text, "One sentence for a person.") { $0.message },
        OutputField("credits_reserved", .credits, "What the call holds.") { $0.creditsReserved },
        OutputField("status", .nullable(.oneOf), "The log's status.") { $0.status },
        OutputField("code", .oneOf, "The decision, for programs.") { $0.code },
        OutputField("expires_at", .nullable(.time), "Commit before this.") { $0.expiresAt },
    ]
}

extension UsageValidateResponse {
    package static func reply(
        to grant: ValidateUsage.Grant, userID: UUID, _ limits: [RateLimitStanding]
    ) -> Reply<UsageValidateResponse> {
        let response = UsageValidateResponse(
            access: .granted, userID: userID, usageID: grant.usageID,
            message: grant.isReplay
                ? "This request was granted before; its reservation still holds."
                : "Granted; commit how the call ended.",
            creditsReserved: grant.creditsReserved, status: .pending,
            code: grant.code, expiresAt: grant.expiresAt)
        return Reply(response, headers: RateLimitHeaders.fields(limits))
    }

    package static func reply(
        to denial: ValidateUsage.Denial, userID: UUID, _ limits: [RateLimitStanding]
    ) -> Reply<UsageValidateResponse> {
        let told = denial.told(
            noSubscription: "The user has no Career subscription.")
        return Reply(
            UsageValidateResponse(
                userID: userID, usageID: told.usageID, message: told.message,
                status: told.logStatus, code: denial.code),
            status: told.status, headers: told.headers(limits))
    }
}
