import FoundationEssentials
import HTTPEndpoint
import Ledger
import Subscriptions

package struct APIPlanResponse: JSONObjectOutput {
    let plan: Plan

    package init(plan: Plan) { self.plan = plan }

    package static let about = "A plan of the API product."
    package static let fields: [OutputField<APIPlanResponse>] = [
        OutputField("id", .uuid, "The plan's id.") { $0.plan.id },
        OutputField("name", .text, "The plan's name.") { $0.plan.name },
        OutputField("description", .text, "What it is for.") { $0.plan.description },
        OutputField("price", .text, "The price a month without its seats, a decimal string.") {
            $0.plan.price.decimal
        },
        OutputField("seat_price", .text, "The price of a seat a month, a decimal string.") {
            $0.plan.seats?.price.decimal ?? "0"
        },
        OutputField("currency", .text, "ISO 4217, lower case.") { $0.plan.price.currency.code },
        OutputField("display_price", .text, "The price as a person reads it.") {
            $0.plan.displayPrice
        },
        OutputField("min_seats", .integer, "The fewest seats.") { $0.plan.seats?.minimum ?? 1 },
        OutputField("max_seats", .nullable(.integer), "The most; null: as many as wanted.") {
            $0.plan.seats?.maximum
        },
        OutputField("type", .oneOf, "Whether it must be paid for.") { $0.plan.kind },
        OutputField("trial_days", .integer, "Days of the free trial; 0 where there is none.") {
            $0.plan.trialDays
        },
        OutputField("is_active", .bool, "Whether it can be chosen today.") { $0.plan.isActive },
        OutputField("rank", .integer, "An upgrade goes to a higher rank.") { $0.plan.rank },
        OutputField("features", .array(.object), "What it offers.") {
            $0.plan.features.map(PlanFeatureResponse.init)
        },
        OutputField("credits_allocation", .credits, "Credits granted a period.") {
            $0.plan.pricing.creditsAllocation
        },
        OutputField(
            "rate_limit_per_minute", .nullable(.integer),
            "Calls in a UTC minute over all live keys; null is unlimited."
        ) { $0.plan.pricing.rateLimitPerMinute },
        OutputField(
            "rate_limit_per_day", .nullable(.integer),
            "Calls in a UTC day over all live keys; null is unlimited."
        ) { $0.plan.pricing.rateLimitPerDay },
    ]
}
