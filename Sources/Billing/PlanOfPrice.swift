import Foundation
import Ledger
import Stripe

/// The rule that finds the plan of a price:
///
/// 1. the plan that the price's own metadata name (`cuebx_plan_id`; `none` for no plan), which
///    ``StripePrices/bringCatalog()`` writes and which stays with the price for good;
/// 2. else the plan whose lookup key the price has now;
/// 3. else the plan of its product, if the product's metadata and the other prices of the product
///    name one plan and no other.
package struct PlanOfPrice: Sendable {
    /// The member of a price's or product's metadata that names its plan.
    package static let metadataKey = "cuebx_plan_id"
    /// Its value where a price sells none of our plans.
    package static let noPlan = "none"

    /// The member that tells a plan's own price from that of a seat.
    package static let itemKey = "cuebx_item"
    package static let seatItem = "seat"

    package let catalog: Catalog

    package init(_ catalog: Catalog) {
        self.catalog = catalog
    }

    /// Rules 1 and 2; `nil` if the price says nothing of itself.
    package func byItself(_ price: StripePrice) -> PriceMeaning? {
        byMetadata(price.metadata)
            ?? price.lookupKey.flatMap { catalog.plan(lookupKey: $0) }.map { .plan($0.id) }
            ?? price.lookupKey.flatMap { key in
                catalog.plans.first { $0.seats?.lookupKey == key }
            }.map { .seat($0.id) }
    }

    /// Rule 3, for a price that says nothing of itself.
    ///
    /// - Parameter prices: all prices of the product.
    package func byProduct(_ product: StripeProduct, prices: [StripePrice]) -> PriceMeaning {
        let meanings = [byMetadata(product.metadata)] + prices.map(byItself)
        let plans = Set(meanings.compactMap { $0?.plan })
        guard plans.count > 1 else { return plans.first.map { .plan($0) } ?? .nothing }
        return .ambiguous(plans.compactMap { catalog.plan($0)?.name }.sorted())
    }

    package func byMetadata(_ metadata: [String: String]) -> PriceMeaning? {
        guard let text = metadata[Self.metadataKey], !text.isEmpty else { return nil }
        if text == Self.noPlan { return .nothing }
        guard let id = UUID(uuidString: text), catalog.plan(id) != nil else {
            return .unknownPlan(text)
        }
        return metadata[Self.itemKey] == Self.seatItem ? .seat(id) : .plan(id)
    }
}
