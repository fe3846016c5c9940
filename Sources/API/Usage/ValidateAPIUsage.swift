import FoundationEssentials
import HTTPEndpoint
import Ledger
import Metering
import Values

/// `POST /api/internal/usage/validate`: may a call with this key run this feature?
struct ValidateAPIUsage: Action {
    let usage: APIUsageService

    static let about = About(
        "Before an AI call by key: may it run?",
        details: """
            The key, its workspace, the subscription, rate limits, idempotency, quota and the \
            key's own `credit_limit` are judged in this order as one atomic decision; where all \
            agree, the credits are reserved and a PENDING log is written. A key that is revoked \
            is refused by the next decision. Calls with a test key have rate windows of their own \
            and cost nothing. The same `request_id` and `payload_hash` answer with the same log, \
            once the key is found good.
            """,
        access: .internalKey,
        decisions: [
            (
                402,
                """
                `workspace_frozen`, `workspace_suspended`, `no_subscription` or \
                `subscription_inactive`
                """
            ),
            (409, "`request_already_finished`, `request_mismatch` or `parent_ended`"),
            (
                429,
                """
                `rate_limited`, `quota_exceeded`, `spending_limit_reached` or \
                `key_limit_reached`, with `Retry-After`; `parent_hold_exceeded` without
                """
            ),
        ],
        refusals: [
            .invalidInternalKey, .malformedAPIKey, .invalidAPIKey, .keyOfAnotherWorkspace,
            .usageNotFound,
        ], headers: RateLimitHeaders.documented)

    func read(_ input: inout InputReader) -> APIUsageValidateRequest {
        input.body(APIUsageValidateRequest.self) { [usage] reader in
            APIUsageValidateRequest(&reader, knowsFeature: { usage.knows(feature: $0) })
        }
    }

    func perform(
        _ request: APIUsageValidateRequest, _ call: Call
    ) async throws -> Reply<APIUsageValidateResponse> {
        guard request.key.isWellFormed else { throw Problem.malformedAPIKey }
        let body = request.body
        let command = ValidateUsage(
            key: IdempotencyKey(
                userID: request.workspaceID, requestID: body.requestID,
                payloadHash: body.payloadHash),
            featureKey: body.featureKey, call: body.call, holdSeconds: body.holdSeconds,
            parent: body.parent, randomness: .random(in: .min ... .max))
        switch try await usage.validate(command, with: request.key) {
        case .invalidKey: throw Problem.invalidAPIKey
        case .foreignKey: throw Problem.keyOfAnotherWorkspace
        case .barred(let barrier):
            return request.reply(barrier.told, barrier.decision, [])
        case .keyLimitReached(let refusal, let limits):
            return request.reply(refusal.told, .keyLimitReached, limits)
        case .judged(let outcome, let isTest):
            return try reply(to: outcome, isTest: isTest, request)
        }
    }

    private func reply(
        to outcome: ValidateUsage.Outcome, isTest: Bool, _ request: APIUsageValidateRequest
    ) throws(Problem) -> Reply<APIUsageValidateResponse> {
        switch outcome {
        // The key was found good, so that its workspace is there; what bars it was asked before.
        case .unknownUser, .deactivatedUser: throw Problem.keyOfAnotherWorkspace
        case .unknownFeature: throw Problem.unknownFeature
        case .unknownParent: throw Problem.usageNotFound
        case .holdTooLong(let maximum): throw Problem.holdTooLong(maximum)
        case .priceOutOfBounds: throw Problem.priceOutOfBounds(["usage_estimate"])
        case .denied(let denial, let limits):
            return request.reply(
                denial.told(noSubscription: "The workspace has no subscription."),
                APIUsageDecision(denial.code), limits)
        case .granted(let grant, let limits):
            return Reply(
                APIUsageValidateResponse(
                    call: ToldCall(grant, APIUsageDecision(grant.code)),
                    workspaceID: request.workspaceID, isTestKey: isTest),
                headers: RateLimitHeaders.fields(limits))
        }
    }
}

/// What a tool server asks before an AI call that a customer's software makes.
struct APIUsageValidateRequest: JSONInput {
    let workspaceID: UUID
    let key: PresentedKey
    let body: CallBody

    static let about = "Asks whether a call with the key may run a feature now."

    init(_ reader: inout ObjectReader) {
        self.init(&reader, knowsFeature: { _ in true })
    }

    init(_ reader: inout ObjectReader, knowsFeature: @escaping @Sendable (String) -> Bool) {
        workspaceID = reader.client()
        key = PresentedKey(
            text: reader.required(
                "api_key", .text(1...255), "The customer's key, as their software sent it."))
        body = CallBody(&reader, example: "api.job_match", knowsFeature: knowsFeature)
        // Beside other errors it is one of them; alone it has an answer of its own.
        if reader.hasErrors, reader.has("api_key", .text(1...255)), !key.isWellFormed {
            reader.reject("api_key", "is not written as an API key is", type: "malformed_api_key")
        }
    }

    fileprivate func reply(
        _ told: ToldDenial, _ code: APIUsageDecision, _ limits: [RateLimitStanding]
    ) -> Reply<APIUsageValidateResponse> {
        Reply(
            APIUsageValidateResponse(
                call: ToldCall(told, code), workspaceID: workspaceID,
                isTestKey: key.text.hasPrefix("cbx_test_")),
            status: told.status, headers: told.headers(limits))
    }
}

struct APIUsageValidateResponse: ValidateAnswer {
    let call: ToldCall<APIUsageDecision>
    let workspaceID: UUID
    let isTestKey: Bool

    static let about = "The decision on a call by key."
    static let fields: [OutputField<APIUsageValidateResponse>] = callFields([
        OutputField("workspace_id", .uuid, "Whose call it is.") { $0.workspaceID },
        OutputField("is_test_key", .bool, "Whether the call is a test: answer canned data.") {
            $0.isTestKey
        },
    ])
}
