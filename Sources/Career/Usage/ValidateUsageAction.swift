import HTTPEndpoint
import Ledger
import LedgerStore
import Metering

/// `POST /career/internal/usage/validate`: may this user run this feature?
struct ValidateUsageCall: Action {
    let quota: CareerQuotaService
    let catalog: CatalogStore

    static let about = About(
        "Before an AI call: may this user run this feature?",
        details: """
            Subscription, rate limits, idempotency, quota and the user's own limits are judged in \
            this order as one atomic decision; where all agree, the credits are reserved and a \
            PENDING log is written. The same `request_id` and `payload_hash` answer with the same \
            log, never with a second reservation. The hold of a call that names a running parent \
            is taken out of the parent's hold: neither quota nor limits are asked again, and what \
            it gives back goes to its parent as long as that runs.
            """,
        access: .userAndInternalKey(activeUserCheckedBy: .decision),
        decisions: [
            (402, "`no_subscription` or `subscription_inactive`"),
            (409, "`request_already_finished`, `request_mismatch` or `parent_ended`"),
            (
                429,
                """
                `rate_limited`, `quota_exceeded` or `spending_limit_reached`, with \
                `Retry-After`; `parent_hold_exceeded` without
                """
            ),
        ],
        refusals: [.invalidInternalKey, .usageNotFound], headers: RateLimitHeaders.documented)

    func read(_ input: inout InputReader) -> UsageValidateRequest {
        input.body(UsageValidateRequest.self) { [catalog] reader in
            UsageValidateRequest(&reader, knowsFeature: { catalog.knows(feature: $0) })
        }
    }

    func perform(
        _ request: UsageValidateRequest, _ call: Call
    ) async throws -> Reply<UsageValidateResponse> {
        let userID = try call.user().userID
        let key = IdempotencyKey(
            userID: userID, requestID: request.requestID, payloadHash: request.payloadHash)
        let outcome = try await quota.validate(
            key, featureKey: request.featureKey, call: request.call,
            holdSeconds: request.holdSeconds, parent: request.parent)
        switch outcome {
        case .unknownUser: throw Problem.unauthorized
        case .deactivatedUser: throw Problem.accountDeactivated
        case .unknownFeature:
            throw Problem.unknownFeature
        case .unknownParent: throw Problem.usageNotFound
        case .holdTooLong(let maximum): throw Problem.holdTooLong(maximum)
        case .priceOutOfBounds: throw Problem.priceOutOfBounds(["usage_estimate"])
        case .denied(let denial, let limits):
            return UsageValidateResponse.reply(to: denial, userID: userID, limits)
        case .granted(let grant, let limits):
            return UsageValidateResponse.reply(to: grant, userID: userID, limits)
        }
    }
}
