import FoundationEssentials
import HTTPEndpoint
import Ledger
import Values

package struct SubscriptionChangeResponse: JSONObjectOutput {
    let event: String
    let planID: UUID
    let status: Subscription.Status
    let stripeCustomerID: String?
    let stripeSubscriptionID: String?
    let at: Timestamp
    let reason: String?

    package init(
        event: String, planID: UUID, status: Subscription.Status, stripeCustomerID: String?,
        stripeSubscriptionID: String?, at: Timestamp, reason: String?
    ) {
        self.event = event
        self.planID = planID
        self.status = status
        self.stripeCustomerID = stripeCustomerID
        self.stripeSubscriptionID = stripeSubscriptionID
        self.at = at
        self.reason = reason
    }

    package static let schemaName = "SubscriptionChange"
    package static let about = "One change of the subscription, and what it has since."
    package static let fields: [OutputField<SubscriptionChangeResponse>] = [
        OutputField("event", .text, "What happened, e.g. `upgraded`.") { $0.event },
        OutputField("plan_id", .uuid, "The plan since.") { $0.planID },
        OutputField("status", .oneOf, "The status since.") { $0.status },
        OutputField("stripe_customer_id", .nullable(.text), "The customer at Stripe since.") {
            $0.stripeCustomerID
        },
        OutputField(
            "stripe_subscription_id", .nullable(.text), "The subscription at Stripe since."
        ) {
            $0.stripeSubscriptionID
        },
        OutputField("at", .time, "When.") { $0.at },
        OutputField("reason", .nullable(.text), "An operator's reason.") { $0.reason },
    ]
}
