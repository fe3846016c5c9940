import FoundationEssentials
import HTTPEndpoint
import Ledger
import Values

package struct BalanceResponse: JSONObjectOutput {
    let context: CareerSubscriptionContext
    let sources: BalanceBySource
    let limits: [RateLimitStanding]

    /// - Parameters:
    ///   - pricing: of the account's plan.
    ///   - clock: what the deciding process's clock says.
    package init(_ standing: AccountStanding, pricing: PlanPricingRule, clock: Timestamp) {
        context = standing.account.context
        sources = BalanceBySource(standing)
        limits = standing.account.context.rateLimits(pricing, at: clock)
    }

    package static let about = "The credits of the running period, and all that can be spent now."
    package static let fields: [OutputField<BalanceResponse>] = [
        OutputField("credits_allocated", .credits, "Granted for the period.") {
            $0.context.allocated
        },
        OutputField("credits_used", .credits, "Charged to the period's credits.") {
            $0.context.used
        },
        OutputField("credits_reserved", .credits, "Held of them by calls that are running.") {
            $0.context.reserved
        },
        OutputField(
            "credits_remaining", .credits,
            "What is left to spend, of the period's credits and of grants beside them."
        ) {
            $0.sources.sum
        },
        OutputField("by_source", .object, "What that is made of.") { $0.sources },
        OutputField("period_start", .time, "When the period started.") {
            $0.context.period.start
        },
        OutputField("period_end", .time, "When it ends.") { $0.context.period.end },
        OutputField("rate_limits", .array(.object), "The windows that have a limit.") {
            $0.limits.map(RateLimitResponse.init)
        },
    ]
}

/// What can be spent now, by where it comes from.
package struct BalanceBySource: JSONObjectOutput {
    let pool: Credits
    let grants: [StandaloneGrant.Source: Credits]

    package init(_ standing: AccountStanding) {
        (pool, grants) = standing.account.availableBySource(
            at: standing.now, grace: standing.grace)
    }

    package var sum: Credits { grants.values.reduce(pool, +) }

    package static let about = "What can be spent now, by where it comes from."
    package static let fields: [OutputField<BalanceBySource>] =
        [OutputField("plan", .credits, "Of the running period's credits.") { $0.pool }]
        + StandaloneGrant.Source.allCases.map { source in
            OutputField(source.rawValue, .credits, source.about) {
                $0.grants[source] ?? .zero
            }
        }
}

extension StandaloneGrant.Source {
    fileprivate var about: String {
        switch self {
        case .rollover: "What earlier periods left over."
        case .topUp: "Bought beside the plan."
        case .promotion: "Given by a code or as a gift."
        case .compensation: "Given to make up for something."
        }
    }
}

package struct RateLimitResponse: JSONObjectOutput {
    let standing: RateLimitStanding

    package static let schemaName = "RateLimit"
    package static let about = "One rate limit as it stands."
    package static let fields: [OutputField<RateLimitResponse>] = [
        OutputField("window", .oneOf, "A UTC calendar minute or day.") { $0.standing.span },
        OutputField("limit", .integer, "Calls in the window.") { $0.standing.limit },
        OutputField("remaining", .integer, "Calls that are left in it.") {
            $0.standing.remaining
        },
        OutputField("reset_at", .time, "When it empties.") { $0.standing.resetAt },
    ]
}
