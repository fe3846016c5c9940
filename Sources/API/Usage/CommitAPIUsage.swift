import FoundationEssentials
import HTTPEndpoint
import Ledger
import Metering
import Values

/// `POST /api/internal/usage/commit`: how the call ended.
struct CommitAPIUsage: Action {
    let usage: APIUsageService

    static let about = About(
        "After an AI call by key: it succeeded or it failed",
        details: """
            SUCCESS charges what the call cost: `credits`, or the tokens of `metrics` where the \
            feature has prices of tokens, at most what is held; else all that is held. FAILED \
            gives back what was not captured. The same outcome again is answered alike and \
            changes nothing; another outcome is refused. Whatever became of the key or the \
            workspace, what was granted is settled. Of a test call nothing is charged.
            """,
        access: .internalKey,
        decisions: [(409, "The call had already ended otherwise; nothing was changed.")],
        refusals: [.invalidInternalKey, .usageNotFound, .usageOfAnotherWorkspace])

    func read(_ input: inout InputReader) -> APIUsageCommitRequest {
        input.body(APIUsageCommitRequest.self)
    }

    func perform(
        _ request: APIUsageCommitRequest, _ call: Call
    ) async throws -> Reply<APIUsageCommitResponse> {
        let told = try await usage.commit(request.command, requestID: call.id)
            .told(foreign: .usageOfAnotherWorkspace)
        return Reply(APIUsageCommitResponse(told: told), status: told.answered)
    }
}

struct APIUsageCommitRequest: JSONInput {
    let command: CommitUsage

    static let about = "Tells how a call by key ended."

    init(_ reader: inout ObjectReader) {
        let (workspace, usage) = (reader.client(), reader.usage())
        command = CommitBody(&reader).command(workspace, usage, isByKey: true)
    }
}

struct APIUsageCommitResponse: JSONObjectOutput {
    let told: ToldCommit

    static let about = "What became of a commit of a call by key."
    static let fields: [OutputField<APIUsageCommitResponse>] = [
        OutputField("success", .bool, "Whether the commit was applied or had been.") {
            $0.told.success
        },
        OutputField("message", .text, "One sentence for a person.") { $0.told.message },
        OutputField("status", .oneOf, "How the call ended.") { $0.told.status },
        OutputField("credits_charged", .credits, "What the whole call cost, captures included.") {
            $0.told.creditsCharged
        },
        OutputField(
            "credits_not_charged", .credits, "What it took beyond what was held and to be had."
        ) {
            $0.told.creditsNotCharged
        },
        OutputField("is_late", .bool, "Whether the hold had expired before.") { $0.told.isLate },
    ]
}
