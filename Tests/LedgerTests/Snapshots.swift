import Foundation
import Ledger
import Values

/// A subscription at Stripe as the mirror reads it, from a day after the tests' start on.
func snapshot(
    _ plan: Plan = TestLedger.plus, _ status: Subscription.Status = .active,
    invoice: String? = "in_1", from start: Int64 = 0, days: Int64 = 30,
    endedAfter: Int64? = nil, isRevoked: Bool = false, changedAfter: Int64? = nil,
    changedAt: Timestamp? = nil, invoicedPlan: Plan? = nil, subscription: String = "sub_1"
) -> BillingSnapshot {
    let begin = TestLedger.start.adding(seconds: start * 86_400)
    return BillingSnapshot(
        customerID: "cus_1", subscriptionID: subscription, planID: plan.id, status: status,
        cancelAtPeriodEnd: false, canceledAt: nil,
        endedAt: endedAfter.map { TestLedger.start.adding(seconds: $0 * 86_400) },
        trialEnd: nil,
        paid: invoice.map {
            BillingSnapshot.PaidPeriod(
                invoiceID: $0, planID: (invoicedPlan ?? plan).id, start: begin,
                end: begin.adding(seconds: days * 86_400))
        },
        isRevoked: isRevoked,
        changedPlanAt: changedAt
            ?? changedAfter.map { TestLedger.start.adding(seconds: $0 * 86_400) })
}
