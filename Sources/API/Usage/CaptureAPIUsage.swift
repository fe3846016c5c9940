import FoundationEssentials
import HTTPEndpoint
import Ledger
import Metering

/// `POST /api/internal/usage/capture`: a part of a running call is charged now.
struct CaptureAPIUsage: Action {
    let usage: APIUsageService

    static let about = About(
        "While an AI call by key runs: charge a part",
        details: """
            The hold shrinks by it; the call goes on until its commit, whatever became of the \
            key. Of a test call a part costs nothing. The same `capture_id` is answered as the \
            first time; under it another body is refused.
            """,
        access: .internalKey,
        decisions: [
            (409, "`hold_exceeded`, `already_ended` or `request_mismatch`; nothing was changed.")
        ],
        refusals: [.invalidInternalKey, .usageNotFound, .usageOfAnotherWorkspace])

    func read(_ input: inout InputReader) -> APIUsageCaptureRequest {
        input.body(APIUsageCaptureRequest.self)
    }

    func perform(
        _ request: APIUsageCaptureRequest, _ call: Call
    ) async throws -> Reply<APIUsageHoldResponse> {
        let outcome = try await usage.capture(request.command, requestID: call.id)
        return try APIUsageHoldResponse.reply(to: outcome, done: .captured, "Captured.")
    }
}

struct APIUsageCaptureRequest: JSONInput {
    let command: CaptureUsage

    static let about = "Charges a part of what is held."

    init(_ reader: inout ObjectReader) {
        let (workspace, usage) = (reader.client(), reader.usage())
        command = CaptureBody(&reader).command(workspace, usage)
    }
}
