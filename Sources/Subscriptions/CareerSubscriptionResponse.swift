import Billing
import FoundationEssentials
import HTTPEndpoint
import Ledger

public struct CareerSubscriptionResponse: JSONObjectOutput {
    let account: Account
    let plan: Plan

    package init(account: Account, plan: Plan) {
        self.account = account
        self.plan = plan
    }

    /// Whose it is.
    package var accountID: UUID { account.subscription.userID }

    public static let about = "A user's one Career subscription."
    public static let fields: [OutputField<CareerSubscriptionResponse>] = [
        OutputField("id", .uuid, "Never changes.") { $0.account.subscription.id },
        OutputField("user_id", .uuid, "Whose it is.") { $0.account.subscription.userID },
        OutputField("plan_id", .uuid, "The plan's id.") { $0.account.subscription.planID },
        OutputField("status", .oneOf, "Stripe's statuses; `active` for the Free plan.") {
            $0.account.subscription.status
        },
        OutputField(
            "current_period_start", .time, "When what is paid for began: the month or the year."
        ) {
            $0.account.context.paidFrom
        },
        OutputField(
            "current_period_end", .time, "When what is paid for ends: the month or the year."
        ) {
            $0.account.context.paidUntil
        },
        OutputField(
            "cancel_at_period_end", .bool,
            "Whether it is to end by itself; `/resume` takes it back."
        ) { $0.account.subscription.cancelAtPeriodEnd },
        OutputField(
            "cancel_at", .nullable(.time),
            "When it is to end by itself: the period's end, or another day that was set at Stripe."
        ) { $0.account.subscription.cancelAt },
        OutputField("canceled_at", .nullable(.time), "When canceling was asked for.") {
            $0.account.subscription.canceledAt
        },
        OutputField(
            "scheduled_plan_id", .nullable(.uuid),
            "The plan that follows at the end of what is paid; `/resume` takes it back."
        ) { $0.account.subscription.scheduled?.planID },
        OutputField("scheduled_at", .nullable(.time), "When that plan begins.") {
            $0.account.subscription.scheduled?.startsAt
        },
        OutputField("trial_end", .nullable(.time), "When the trial ends or ended.") {
            $0.account.subscription.trialEnd
        },
        OutputField("plan", .object, "The plan.") { PlanResponse(plan: $0.plan) },
    ]
}
