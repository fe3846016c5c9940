import Billing
import FoundationEssentials
import HTTPEndpoint
import Stripe
import Values

/// A coupon that a subscription has.
package struct Discount: Sendable {
    package let name: String
    /// `nil` for one that ends with the next invoice, or never.
    package let endsAt: Timestamp?
}

extension CareerBillingService {
    /// The coupons that the subscription has now. Stripe is asked only where there are some.
    func discounts(of theirs: StripeSubscription) async throws -> [Discount] {
        guard !theirs.discountIDs.isEmpty else { return [] }
        return try await stripe.listDiscounts(theirs.id).map {
            Discount(name: $0.name, endsAt: $0.endsAt.map { Timestamp(ofStripe: $0) })
        }
    }
}

struct DiscountResponse: JSONObjectOutput {
    let discount: Discount

    static let schemaName = "Discount"
    static let about = "A coupon of the subscription."
    static let fields: [OutputField<DiscountResponse>] = [
        OutputField("name", .text, "The coupon's name.") { $0.discount.name },
        OutputField(
            "ends_at", .nullable(.time),
            "When it ends; null for one that ends with the next invoice, or never."
        ) { $0.discount.endsAt },
    ]
}
