import Billing
import FoundationEssentials
import HTTPEndpoint
import Ledger
import Stripe
import Values

struct PreviewUpgrade: Action {
    let billing: CareerBillingService

    static let about = About(
        "What an upgrade would cost now",
        details: """
            Changes nothing. An upgrade to the same plan within ten minutes is charged just this.
            """,
        access: .user, refusals: upgradeRefusals)

    func read(_ input: inout InputReader) -> CareerUpgradePreviewRequest {
        input.body(CareerUpgradePreviewRequest.self)
    }

    func perform(
        _ request: CareerUpgradePreviewRequest, _ call: Call
    ) async throws -> Reply<CareerUpgradePreviewResponse> {
        let user = try call.user().userID
        let upgrade = try await billing.planUpgrade(
            to: request.newPlanID, user: user, requestID: call.id)
        let prorationDate = max(billing.clock.now().seconds, upgrade.item.currentPeriodStart)
        let invoice = try await billing.stripe.previewUpgrade(upgrade.change(prorationDate))
        try await UpgradePreviews(database: billing.database)
            .keep(upgrade, at: prorationDate, user: user)
        guard let proration = Money(amount: invoice.total, currency: invoice.currency),
            let due = Money(amount: invoice.amountDue, currency: invoice.currency)
        else { throw StripeError(.malformedResponse(field: "invoice.total")) }
        return Reply(
            CareerUpgradePreviewResponse(
                currentPlan: upgrade.current, newPlan: upgrade.new, proration: proration, due: due,
                billingPeriodEnd: Timestamp(ofStripe: upgrade.item.currentPeriodEnd)))
    }
}

let upgradeRefusals: [Problem] = [
    .subscriptionNotFound, .planNotFound, .checkoutRequired, .samePlan, .downgradeNotAllowed,
    .cancellationPending, .paymentPastDue, .paymentIncomplete, .subscriptionPaused,
    .paymentProviderUnavailable, .paymentProviderError,
]

struct CareerUpgradePreviewRequest: JSONInput {
    let newPlanID: UUID

    static let about = "The plan to upgrade to."

    init(_ reader: inout ObjectReader) {
        newPlanID = reader.required("new_plan_id", .uuid, "A plan of a higher rank.")
    }
}

struct CareerUpgradePreviewResponse: JSONObjectOutput {
    let currentPlan: Plan
    let newPlan: Plan
    let proration: Money
    let due: Money
    let billingPeriodEnd: Timestamp

    static let about = "What an upgrade would cost."
    static let fields: [OutputField<CareerUpgradePreviewResponse>] = [
        OutputField("current_plan", .object, "The plan now.") {
            PlanResponse(plan: $0.currentPlan)
        },
        OutputField("new_plan", .object, "The plan afterwards.") { PlanResponse(plan: $0.newPlan) },
        OutputField("proration_amount", .text, "The prorated difference, a decimal string.") {
            $0.proration.decimal
        },
        OutputField("total_due", .text, "What would be charged now, a decimal string.") {
            $0.due.decimal
        },
        OutputField("currency", .text, "ISO 4217, lower case.") { $0.due.currency.code },
        OutputField("billing_period_end", .time, "Stays as it is.") { $0.billingPeriodEnd },
    ]
}
