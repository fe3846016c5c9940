import Billing
import FoundationEssentials
import HTTPEndpoint
import Ledger

public struct PlanResponse: JSONObjectOutput {
    let plan: Plan

    package init(plan: Plan) {
        self.plan = plan
    }

    public static let about = "A Career plan."
    public static let fields: [OutputField<PlanResponse>] = [
        OutputField("id", .uuid, "The plan's id.") { $0.plan.id },
        OutputField("name", .text, "The plan's name.") { $0.plan.name },
        OutputField("description", .text, "What it is for.") { $0.plan.description },
        OutputField("price", .text, "The price of an interval, a decimal string.") {
            $0.plan.price.decimal
        },
        OutputField("display_price", .text, "The price as a person reads it.") {
            $0.plan.displayPrice
        },
        OutputField("type", .oneOf, "Whether it must be paid for.") { $0.plan.kind },
        OutputField("interval", .oneOf, "How long one payment lasts.") { $0.plan.interval },
        OutputField("credits_cadence", .oneOf, "How often its credits are granted.") { _ in
            Plan.Interval.month
        },
        OutputField("trial_days", .integer, "Days of the free trial; 0 where there is none.") {
            $0.plan.trialDays
        },
        OutputField("is_active", .bool, "Whether it can be chosen today.") { $0.plan.isActive },
        OutputField("features", .array(.object), "What it offers.") {
            $0.plan.features.map(PlanFeatureResponse.init)
        },
        OutputField("credits_allocation", .credits, "Credits granted a month.") {
            $0.plan.pricing.creditsAllocation
        },
        OutputField(
            "rate_limit_per_minute", .nullable(.integer),
            "Calls in a UTC minute; null is unlimited."
        ) { $0.plan.pricing.rateLimitPerMinute },
        OutputField(
            "rate_limit_per_day", .nullable(.integer), "Calls in a UTC day; null is unlimited."
        ) { $0.plan.pricing.rateLimitPerDay },
        OutputField("currency", .text, "ISO 4217, lower case.") { $0.plan.price.currency.code },
        OutputField("rank", .integer, "An upgrade goes to a higher rank.") { $0.plan.rank },
    ]
}

package struct PlanFeatureResponse: JSONObjectOutput {
    let feature: PlanFeature

    package init(feature: PlanFeature) {
        self.feature = feature
    }

    package static let schemaName = "PlanFeature"
    package static let about = "A line of what a plan offers."
    package static let fields: [OutputField<PlanFeatureResponse>] = [
        OutputField("title", .text, "What.") { $0.feature.title },
        OutputField("description", .text, "In a sentence.") { $0.feature.description },
        OutputField("value", .text, "How much.") { $0.feature.value },
        OutputField("category", .text, "Where to show it.") { $0.feature.category },
    ]
}
