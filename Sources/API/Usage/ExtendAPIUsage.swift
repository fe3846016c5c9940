import FoundationEssentials
import HTTPEndpoint
import Ledger
import Metering

/// `POST /api/internal/usage/extend`: a running call needs more time, more credits, or both.
struct ExtendAPIUsage: Action {
    let usage: APIUsageService

    static let about = About(
        "While an AI call by key runs: hold longer, or more",
        details: """
            All or nothing. `hold_seconds` are counted from the decision, whatever became of the \
            key. More credits are judged as a new call is: by the key, its workspace, the \
            subscription, the quota and the key's `credit_limit`, but never by its rate. The same \
            `extension_id` is answered as the first time; under it another body is refused.
            """,
        access: .internalKey,
        decisions: HoldDecisions.ended + [
            (402, "`workspace_frozen`, `workspace_suspended` or `subscription_inactive`"),
            (
                429,
                """
                `quota_exceeded`, `spending_limit_reached` or `key_limit_reached`, with \
                `Retry-After` if waiting helps
                """
            ),
        ],
        refusals: [
            .invalidInternalKey, .invalidAPIKey, .usageNotFound, .usageOfAnotherWorkspace,
        ])

    func read(_ input: inout InputReader) -> APIUsageExtendRequest {
        input.body(APIUsageExtendRequest.self)
    }

    func perform(
        _ request: APIUsageExtendRequest, _ call: Call
    ) async throws -> Reply<APIUsageHoldResponse> {
        switch try await usage.perform(ExtendKeyedHold(request.command)) {
        case .invalidKey: throw Problem.invalidAPIKey
        case .barred(let barrier, let state):
            return APIUsageHoldResponse.reply(barrier.told, barrier.holdDecision, state)
        case .keyLimitReached(let refusal, let state):
            return APIUsageHoldResponse.reply(refusal.told, .keyLimitReached, state)
        case .judged(let outcome):
            return try APIUsageHoldResponse.reply(to: outcome, done: .extended, "Extended.")
        }
    }
}

struct APIUsageExtendRequest: JSONInput {
    let command: ExtendHold

    static let about = "Asks to hold longer, or more."

    init(_ reader: inout ObjectReader) {
        let (workspace, usage) = (reader.client(), reader.usage())
        command = ExtendBody(&reader).command(workspace, usage)
    }
}
