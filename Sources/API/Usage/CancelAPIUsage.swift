import FoundationEssentials
import HTTPEndpoint
import Ledger
import Metering

/// `POST /api/internal/usage/cancel`: the call is stopped.
struct CancelAPIUsage: Action {
    let usage: APIUsageService

    static let about = About(
        "Stop an AI call by key and give back what it holds",
        details: """
            The call ends as FAILED with `failure_type` `canceled`; what was captured stays \
            charged, and nothing makes it end otherwise. A repetition, and a cancellation of what \
            has failed, is 200; a call whose success was committed stays.
            """,
        access: .internalKey,
        decisions: [(409, "`already_ended`: SUCCESS or EXPIRED; nothing was changed.")],
        refusals: [.invalidInternalKey, .usageNotFound, .usageOfAnotherWorkspace])

    func read(_ input: inout InputReader) -> APIUsageCancelRequest {
        input.body(APIUsageCancelRequest.self)
    }

    func perform(
        _ request: APIUsageCancelRequest, _ call: Call
    ) async throws -> Reply<APIUsageHoldResponse> {
        let outcome = try await usage.perform(request.command)
        return try APIUsageHoldResponse.reply(to: outcome, done: .canceled, "Canceled.")
    }
}

struct APIUsageCancelRequest: JSONInput {
    let command: CancelUsage

    static let about = "Stops a call."

    init(_ reader: inout ObjectReader) {
        let (workspace, usage) = (reader.client(), reader.usage())
        command = CancelUsage(userID: workspace, usageID: usage)
    }
}
