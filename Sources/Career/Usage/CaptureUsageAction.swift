import FoundationEssentials
import HTTPEndpoint
import Ledger
import Metering
import Values

/// `POST /career/internal/usage/capture`: a part of a running call is charged now.
struct CaptureUsageCall: Action {
    let quota: CareerQuotaService

    static let about = About(
        "While an AI call runs: charge a part",
        details: """
            The hold shrinks by it; the call goes on until its commit. `metrics` are what was \
            measured since the part before, of a feature with prices of tokens. The same \
            `capture_id` is answered as the first time; under it another body is refused.
            """,
        access: .internalKey,
        decisions: [
            (409, "`hold_exceeded`, `already_ended` or `request_mismatch`; nothing was changed.")
        ],
        refusals: [.invalidInternalKey, .usageNotFound, .usageOfAnotherUser])

    func read(_ input: inout InputReader) -> UsageCaptureRequest {
        input.body(UsageCaptureRequest.self)
    }

    func perform(
        _ request: UsageCaptureRequest, _ call: Call
    ) async throws -> Reply<UsageHoldResponse> {
        let outcome = try await quota.perform(request.command, requestID: call.id)
        return try UsageHoldResponse.reply(to: outcome, done: .captured, "Captured.")
    }
}

package struct UsageCaptureRequest: JSONInput {
    package let command: CaptureUsage

    package static let about = "Charges a part of what is held."

    package init(_ reader: inout ObjectReader) {
        let userID = reader.required("user_id", .uuid, "Whose call it is.")
        let usageID = reader.required("usage_id", .uuid, "What validate answered.")
        command = CaptureBody(&reader).command(userID, usageID)
    }
}
