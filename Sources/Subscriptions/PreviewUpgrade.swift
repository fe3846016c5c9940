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
        "What a change of plan would cost now",
        details: """
            Changes nothing. An upgrade to the same plan within ten minutes is charged just this. \
            A lower plan, and a plan by the month after one by the year, costs nothing now and \
            begins at `effective_at`.
            """,
        access: .user, refusals: moveRefusals + [.addressRequired])

    package func read(_ input: inout InputReader) -> CareerUpgradePreviewRequest {
        input.body(CareerUpgradePreviewRequest.self)
    }

    package func perform(
        _ request: CareerUpgradePreviewRequest, _ call: Call
    ) async throws -> Reply<CareerUpgradePreviewResponse> {
        let user = try call.user().userID
        let move = try await billing.planMove(
            to: request.newPlanID, by: nil, user: user, requestID: call.id)
        return Reply(
            move.kind == .downgrade
                ? try await lower(move) : try await upgrade(move, user: user))
    }

    /// It begins when what is paid, or the trial, ends: nothing is due, and nothing goes back.
    private func lower(_ move: PlannedMove) async throws -> CareerUpgradePreviewResponse {
        let discounts = try await billing.discounts(of: move.subscription)
        let nothing = Money.zero(move.current.price.currency)
        let end = Timestamp(ofStripe: move.item.currentPeriodEnd)
        return CareerUpgradePreviewResponse(
            currentPlan: move.current, newPlan: move.new, proration: nothing, due: nothing,
            subtotal: nothing, tax: nothing, discounts: discounts, billingPeriodEnd: end,
            effectiveAt: end, prorationDate: billing.clock.now().seconds)
    }

    private func upgrade(
        _ move: PlannedMove, user: UUID
    ) async throws -> CareerUpgradePreviewResponse {
        let upgrade = try await billing.upgrade(move)
        let prorationDate = max(billing.clock.now().seconds, upgrade.item.currentPeriodStart)
        let invoice = try await billing.withAddress(of: move.subscription.customerID) {
            try await billing.stripe.previewUpgrade(upgrade.change(prorationDate))
        }
        let discounts = try await billing.discounts(of: move.subscription)
        try await UpgradePreviews(database: billing.database)
            .keep(upgrade, at: prorationDate, user: user)
        func money(_ amount: Int64) throws -> Money {
            guard let money = Money(amount: amount, currency: invoice.currency) else {
                throw StripeError(.malformedResponse(field: "invoice.total"))
            }
            return money
        }
        return CareerUpgradePreviewResponse(
            currentPlan: upgrade.current, newPlan: upgrade.new,
            proration: try money(invoice.total), due: try money(invoice.amountDue),
            subtotal: try money(invoice.subtotal), tax: try money(invoice.tax),
            discounts: discounts,
            billingPeriodEnd: upgrade.periodEnd(prorationDate),
            effectiveAt: Timestamp(ofStripe: prorationDate), prorationDate: prorationDate)
    }
}

package struct CareerUpgradePreviewRequest: JSONInput {
    let newPlanID: UUID

    package init(newPlanID: UUID) {
        self.newPlanID = newPlanID
    }

    package static let about = "The plan to move to."

    package init(_ reader: inout ObjectReader) {
        newPlanID = reader.required("new_plan_id", .uuid, "Another plan than the present one.")
    }
}

package struct CareerUpgradePreviewResponse: JSONObjectOutput {
    package let currentPlan: Plan
    package let newPlan: Plan
    let proration: Money
    package let due: Money
    let subtotal: Money
    let tax: Money
    package let discounts: [Discount]
    package let billingPeriodEnd: Timestamp
    package let effectiveAt: Timestamp
    /// The instant that the price is of, in seconds since 1970; not on the wire.
    package let prorationDate: Int64

    /// Whether the plan is a lower one, which begins later.
    package var isLower: Bool { PlanMove(from: currentPlan, to: newPlan) == .downgrade }

    package static let about = "What a change of plan would cost."
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
        OutputField(
            "subtotal", .text, "The difference before discounts and tax, a decimal string."
        ) { $0.subtotal.decimal },
        OutputField(
            "discounts", .array(.object), "The coupons of the subscription that go on."
        ) {
            $0.discounts.map(DiscountResponse.init)
        },
        OutputField("tax", .text, "The tax on it, a decimal string.") { $0.tax.decimal },
        OutputField("currency", .text, "ISO 4217, lower case.") { $0.due.currency.code },
        OutputField(
            "effective_at", .time,
            "When the plan begins: now for a higher one, when what is paid ends for a lower one."
        ) { $0.effectiveAt },
        OutputField(
            "billing_period_end", .time,
            "When what is paid for ends: as before, unless a year begins in place of a month."
        ) { $0.billingPeriodEnd },
    ]
}
