import FoundationEssentials
import HTTPEndpoint
import Ledger
import Metering

/// `POST /career/internal/usage/cancel`: the call is stopped.
struct CancelUsageCall: Action {
    let quota: CareerQuotaService

    static let about = About(
        "Stop an AI call and give back what it holds",
        details: """
            The call ends as FAILED with `failure_type` `canceled`; what was captured stays \
            charged, and nothing makes it end otherwise. With it end all calls that run below it, \
            at any depth, but for those whose commit was accepted. A repetition, and a \
            cancellation of what has failed, is 200, and ends what still runs below; a call whose \
            success was committed or accepted stays.
            """,
        access: .internalKey,
        decisions: [(409, "`already_ended`: SUCCESS or EXPIRED; nothing was changed.")],
        refusals: [.invalidInternalKey, .usageNotFound, .usageOfAnotherUser])

    func read(_ input: inout InputReader) -> UsageCancelRequest {
        input.body(UsageCancelRequest.self)
    }

    func perform(
        _ request: UsageCancelRequest, _ call: Call
    ) async throws -> Reply<UsageHoldResponse> {
        let outcome = try await quota.perform(request.command, requestID: call.id)
        return try UsageHoldResponse.reply(to: outcome, done: .canceled, "Canceled.")
    }
}

package struct UsageCancelRequest: JSONInput {
    package let command: CancelUsage

    package static let about = "Stops a call."

    package init(_ reader: inout ObjectReader) {
        let userID = reader.required("user_id", .uuid, "Whose call it is.")
        let usageID = reader.required("usage_id", .uuid, "What validate answered.")
        command = CancelUsage(userID: userID, usageID: usageID)
    }
}
