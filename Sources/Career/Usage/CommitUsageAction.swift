import FoundationEssentials
import HTTPEndpoint
import HTTPTypes
import History
import JSON
import Ledger
import Metering
import Values

/// `POST /career/internal/usage/commit`: how the call ended.
struct CommitUsageCall: Action {
    let quota: CareerQuotaService

    static let about = About(
        "After an AI call: it succeeded or it failed",
        details: """
            SUCCESS charges what the call cost: `credits`, or the tokens of `metrics` where the \
            feature has prices of tokens, at most what is held; else all that is held. FAILED \
            gives back what was not captured. The same outcome again is answered alike and \
            changes nothing; another outcome is refused. With \
            `Prefer: respond-async` the commit is queued durably and answered with 202; it is \
            judged by the time at which it was accepted. `success` is true in a 202 too: the \
            commit is accepted for good, and nothing can make the call end otherwise. It need not \
            be sent again; `status` is PENDING until the queue has come to it.
            """,
        access: .internalKey,
        decisions: [
            (202, "Accepted for good: queued durably, and sure to be applied."),
            (409, "The call had already ended otherwise; nothing was changed."),
        ],
        refusals: [.invalidInternalKey, .usageNotFound, .usageOfAnotherUser],
        headers: [
            AnswerHeader(text: "Preference-Applied", on: [202], "`respond-async` (RFC 7240).")
        ])

    struct Input: Sendable {
        let request: UsageCommitRequest
        let isAsynchronous: Bool
    }

    func read(_ input: inout InputReader) -> Input {
        let preference = input.header(
            .prefer, "`respond-async`: answer before the commit is applied (RFC 7240).")
        return Input(
            request: input.body(UsageCommitRequest.self),
            isAsynchronous: Preferences(preference).contains("respond-async"))
    }

    func perform(_ input: Input, _ call: Call) async throws -> Reply<UsageCommitResponse> {
        let command = input.request.command
        guard input.isAsynchronous else {
            let analysis = input.request.analysis
            let outcome = try await quota.commit(command, keeping: analysis, requestID: call.id)
            return try await reply(to: outcome, hasAnalysis: analysis != nil, command.usageID)
        }
        switch try await quota.accept(
            command, keeping: input.request.analysis, message: input.request.message,
            requestID: call.id)
        {
        case .settled(let outcome):
            return try await reply(
                to: outcome, hasAnalysis: input.request.analysis != nil, command.usageID)
        case .accepted(let charged):
            return Reply(
                UsageCommitResponse(told: .accepted(charged: charged)), status: 202,
                headers: [.preferenceApplied: "respond-async"])
        }
    }

    private func reply(
        to outcome: CommitUsage.Outcome, hasAnalysis: Bool, _ usageID: UUID
    ) async throws -> Reply<UsageCommitResponse> {
        let told = try outcome.told(foreign: .usageOfAnotherUser)
        let isKept = told.success && hasAnalysis ? try await quota.isKept(usageID) : nil
        return Reply(
            UsageCommitResponse(told: told, isResultKept: isKept), status: told.answered)
    }
}

package struct UsageCommitRequest: JSONInput {
    package let command: CommitUsage
    /// What is to be kept for the user.
    let analysis: AnalysisResult.Content?

    package static let about = "Tells how a call ended."

    package init(_ reader: inout ObjectReader) {
        let userID = reader.required("user_id", .uuid, "Whose call it was.")
        let usageID = reader.required("usage_id", .uuid, "What validate answered.")
        let body = CommitBody(&reader)
        let analysis = reader.optional(
            "result", .object(UsageResult.self),
            "What is kept for the user, who finds it under `/career/history`; of a success only.")
        self.analysis = analysis?.content
        if reader.has("result") && !body.success && reader.has("success", .bool) {
            reader.reject("result", "must be absent when success is false", type: "unexpected")
        }
        command = body.command(userID, usageID)
    }
}

struct UsageCommitResponse: JSONObjectOutput {
    let told: ToldCommit
    var isResultKept: Bool?

    static let about = "What became of a commit."
    static let fields: [OutputField<UsageCommitResponse>] = [
        OutputField(
            "success", .bool,
            "Whether the commit was applied or had been; with 202, true: accepted for good."
        ) {
            $0.told.success
        },
        OutputField("message", .text, "One sentence for a person.") { $0.told.message },
        OutputField("status", .oneOf, "How the call ended; PENDING with 202.") { $0.told.status },
        OutputField(
            "credits_charged", .credits,
            "What the whole call cost, captures included; with 202, the captures alone."
        ) {
            $0.told.creditsCharged
        },
        OutputField(
            "credits_not_charged", .credits, "What it took beyond what was held and to be had."
        ) {
            $0.told.creditsNotCharged
        },
        OutputField("is_late", .bool, "Whether the hold had expired before.") { $0.told.isLate },
        OutputField(
            "result_kept", .nullable(.bool),
            """
            Whether a result of the call is kept: false if the user's \
            \(AnalysisResult.budget >> 20) MiB are full. null without `result`, and with 202.
            """
        ) {
            $0.isResultKept
        },
    ]
}
