import FoundationEssentials
import HTTPEndpoint
import Ledger
import Metering
import Values

/// `POST /career/internal/usage/extend`: a running call needs more time, more credits, or both.
struct ExtendUsageCall: Action {
    let quota: CareerQuotaService

    static let about = About(
        "While an AI call runs: hold longer, or more",
        details: """
            All or nothing. `hold_seconds` are counted from the decision, and the hold never ends \
            earlier than it would have. More credits are judged as a new call is, by the \
            subscription, the quota and the user's own limits, but never by its rate; those of a \
            call that has a parent are taken out of the parent's hold. The same \
            `extension_id` is answered as the first time; under it another body is refused.
            """,
        access: .internalKey,
        decisions: [
            (402, "`subscription_inactive`"),
            (
                409,
                "`already_ended`, `request_mismatch` or `parent_ended`; nothing was changed."
            ),
            (
                429,
                """
                `quota_exceeded` or `spending_limit_reached`, with `Retry-After` if waiting helps; \
                `parent_hold_exceeded` without
                """
            ),
        ],
        refusals: [
            .invalidInternalKey, .usageNotFound, .usageOfAnotherUser, .accountDeactivated,
        ])

    func read(_ input: inout InputReader) -> UsageExtendRequest {
        input.body(UsageExtendRequest.self)
    }

    func perform(
        _ request: UsageExtendRequest, _ call: Call
    ) async throws -> Reply<UsageHoldResponse> {
        let outcome = try await quota.perform(request.command, requestID: call.id)
        return try UsageHoldResponse.reply(to: outcome, done: .extended, "Extended.")
    }
}

package struct UsageExtendRequest: JSONInput {
    package let command: ExtendHold

    package static let about = "Asks to hold longer, or more."

    package init(_ reader: inout ObjectReader) {
        let userID = reader.required("user_id", .uuid, "Whose call it is.")
        let usageID = reader.required("usage_id", .uuid, "What validate answered.")
        command = ExtendBody(&reader).command(userID, usageID)
    }
}
