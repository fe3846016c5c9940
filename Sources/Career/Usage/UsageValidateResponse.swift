import FoundationEssentials
import HTTPEndpoint
import Ledger
import Metering
import Values

package struct UsageValidateResponse: ValidateAnswer {
    package let call: ToldCall<ValidateUsage.Code>
    let userID: UUID

    package static let about = "The decision on a call."
    package static let fields: [OutputField<UsageValidateResponse>] = callFields([
        OutputField("user_id", .uuid, "Whose call it is.") { $0.userID }
    ])
}

extension UsageValidateResponse {
    package static func reply(
        to grant: ValidateUsage.Grant, userID: UUID, _ limits: [RateLimitStanding]
    ) -> Reply<UsageValidateResponse> {
        Reply(
            UsageValidateResponse(call: ToldCall(grant, grant.code), userID: userID),
            headers: RateLimitHeaders.fields(limits))
    }

    package static func reply(
        to denial: ValidateUsage.Denial, userID: UUID, _ limits: [RateLimitStanding]
    ) -> Reply<UsageValidateResponse> {
        let told = denial.told(noSubscription: "The user has no Career subscription.")
        return Reply(
            UsageValidateResponse(call: ToldCall(told, denial.code), userID: userID),
            status: told.status, headers: told.headers(limits))
    }
}
