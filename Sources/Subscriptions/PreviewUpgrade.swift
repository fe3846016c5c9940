import Billing
import FoundationEssentials
import HTTPEndpoint
import Ledger
import Stripe
import Values

package struct PreviewUpgrade: Action {
    let billing: CareerBillingService

    package init(billing: CareerBillingService) {
        self.billing = billing
    }

    package static let about = About(
        "What an upgrade would cost now",
        details: """
            Changes nothing. An upgrade to the same plan within ten minutes is charged just this.
            """,
        access: .user, refusals: upgradeRefusals)

    package func read(_ input: inout InputReader) -> CareerUpgradePreviewRequest {
        input.body(CareerUpgradePreviewRequest.self)
    }

    package func perform(
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
                billingPeriodEnd: Timestamp(ofStripe: upgrade.item.currentPeriodEnd),
                prorationDate: prorationDate))
    }
}

let upgradeRefusals: [Problem] = [
    .subscriptionNotFound, .planNotFound, .checkoutRequired, .samePlan, .downgradeNotAllowed,
    .cancellationPending, .paymentPastDue, .paymentIncomplete, .subscriptionPaused,
    .paymentProviderUnavailable, .paymentProviderError,
]

package struct CareerUpgradePreviewRequest: JSONInput {
    let newPlanID: UUID

    package init(newPlanID: UUID) {
        self.newPlanID = newPlanID
    }

    package static let about = "The plan to upgrade to."

    package init(_ reader: inout ObjectReader) {
        newPlanID = reader.required("new_plan_id", .uuid, "A plan of a higher rank.")
    }
}

package struct CareerUpgradePreviewResponse: JSONObjectOutput {
    package let currentPlan: Plan
    package let newPlan: Plan
    let proration: Money
    package let due: Money
    package let billingPeriodEnd: Timestamp
    /// The instant that the price is of, in seconds since 1970; not on the wire.
    package let prorationDate: Int64

    package static let about = "What an upgrade would cost."
    package static let fields: [OutputField<CareerUpgradePreviewResponse>] = [
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
