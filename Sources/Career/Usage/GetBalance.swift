import FoundationEssentials
import HTTPEndpoint
import Ledger
import Values

struct GetBalance: Action {
    let quota: CareerQuotaService
    let clock: DecisionClock

    static let about = About(
        "My credits and rate limits", access: .user, refusals: [.subscriptionNotFound])

    func read(_ input: inout InputReader) {}

    func perform(_ input: Void, _ call: Call) async throws -> Reply<BalanceResponse> {
        guard let balance = try await quota.balance(of: call.user().userID) else {
            throw Problem.subscriptionNotFound
        }
        return Reply(
            BalanceResponse(
                context: balance.context,
                limits: balance.context.rateLimits(balance.rule, at: clock.now())))
    }
}

struct BalanceResponse: JSONObjectOutput {
    let context: CareerSubscriptionContext
    let limits: [RateLimitStanding]

    static let about = "The credits of the running period."
    static let fields: [OutputField<BalanceResponse>] = [
        OutputField("credits_allocated", .credits, "Granted for the period.") {
            $0.context.allocated
        },
        OutputField("credits_used", .credits, "Charged by calls that succeeded.") {
            $0.context.used
        },
        OutputField("credits_reserved", .credits, "Held by calls that are running.") {
            $0.context.reserved
        },
        OutputField("credits_remaining", .credits, "What is left to spend.") {
            $0.context.remaining
        },
        OutputField("period_start", .time, "When the period started.") {
            $0.context.period.start
        },
        OutputField("period_end", .time, "When it ends.") { $0.context.period.end },
        OutputField("rate_limits", .array(.object), "The windows that have a limit.") {
            $0.limits.map(RateLimitResponse.init)
        },
    ]
}

struct RateLimitResponse: JSONObjectOutput {
    let standing: RateLimitStanding

    static let schemaName = "RateLimit"
    static let about = "One rate limit as it stands."
    static let fields: [OutputField<RateLimitResponse>] = [
        OutputField("window", .oneOf, "A UTC calendar minute or day.") { $0.standing.span },
        OutputField("limit", .integer, "Calls in the window.") { $0.standing.limit },
        OutputField("remaining", .integer, "Calls that are left in it.") {
            $0.standing.remaining
        },
        OutputField("reset_at", .time, "When it empties.") { $0.standing.resetAt },
    ]
}
