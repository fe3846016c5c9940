import CareerDomain
import Database
import Foundation
import Stripe
import Synchronization

/// Which Stripe price sells which plan: found by the plan's lookup key, and remembered, since a
/// price's id never changes its meaning.
public final class StripePrices: Sendable {
    private let stripe: StripeClient
    private let database: any Database
    private let catalog: CatalogStore
    private let known = Mutex<[String: UUID]>([:])

    public init(stripe: StripeClient, database: any Database, catalog: CatalogStore) {
        self.stripe = stripe
        self.database = database
        self.catalog = catalog
    }

    /// The plan that a price sells; `nil` where it is none of ours.
    func plan(of priceID: String, lookupKey: String?) async throws -> UUID? {
        if let plan = known.withLock({ $0[priceID] }) { return plan }
        let catalog = try await catalog.current(in: database)
        if let plan = lookupKey.flatMap({ catalog.plan(lookupKey: $0) }) {
            known.withLock { $0[priceID] = plan.id }
            return plan.id
        }
        for plan in catalog.plans {
            guard let key = plan.lookupKey, let price = try await stripe.findPrice(key) else {
                continue
            }
            known.withLock { $0[price.id] = plan.id }
        }
        return known.withLock { $0[priceID] }
    }

    /// The price to sell the plan at.
    /// - Throws: ``Problem`` where the catalog was not brought to Stripe.
    func price(of plan: Plan) async throws -> StripePrice {
        guard let key = plan.lookupKey, let price = try await stripe.findPrice(key) else {
            throw StripeCatalogGap(plan: plan.name)
        }
        known.withLock { $0[price.id] = plan.id }
        return price
    }

    /// Makes the products and prices that Stripe lacks. A price at Stripe never changes what it
    /// costs, so one that differs from the catalog's is only told of.
    ///
    /// - Returns: one sentence for each.
    public func createMissing() async throws -> [String] {
        var made: [String] = []
        for plan in try await catalog.current(in: database).plans where plan.isActive {
            guard let key = plan.lookupKey else { continue }
            if let price = try await stripe.findPrice(key) {
                if price.unitAmount != plan.priceMinor || price.currency != plan.currency {
                    made.append(
                        "Stripe: price \(key) is \(price.unitAmount ?? 0) \(price.currency), the "
                            + "catalog says \(plan.priceMinor) \(plan.currency); users pay the former"
                    )
                }
                continue
            }
            let product = try await stripe.createProduct(plan.name, "product-\(key)")
            let price = NewStripePrice(
                productID: product.id, lookupKey: key, unitAmount: plan.priceMinor,
                currency: plan.currency)
            _ = try await stripe.createPrice(price, "price-\(key)-\(plan.priceMinor)")
            made.append("Stripe: price \(key) created")
        }
        return made
    }
}

/// A plan is sold here that Stripe has no price for: `cuebx catalog sync --stripe` mends it.
struct StripeCatalogGap: Error, CustomStringConvertible {
    let plan: String

    var description: String { "Stripe has no price for \(plan); run cuebx catalog sync --stripe" }
}
