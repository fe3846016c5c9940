import CareerDomain
import Database
import Foundation
import Stripe
import Synchronization

/// Which Stripe price sells which plan. A plan's lookup key finds the price that new subscribers
/// pay; a product stands for one plan, so that whoever subscribed at an earlier price of it is on
/// the same plan. Both are remembered, since neither ever changes its meaning.
public final class StripePrices: Sendable {
    private struct Known {
        var plansByPrice: [String: UUID] = [:]
        var plansByProduct: [String: UUID] = [:]

        mutating func add(_ price: StripePrice, plan: UUID) {
            plansByPrice[price.id] = plan
            plansByProduct[price.productID] = plan
        }
    }

    private let stripe: StripeClient
    private let database: any Database
    private let catalog: CatalogStore
    private let known = Mutex(Known())

    public init(stripe: StripeClient, database: any Database, catalog: CatalogStore) {
        self.stripe = stripe
        self.database = database
        self.catalog = catalog
    }

    /// The plan that a price sells; `nil` where it is none of ours.
    func plan(of price: StripePrice) async throws -> UUID? {
        try await plan(of: price.id, product: price.productID, lookupKey: price.lookupKey)
    }

    func plan(of priceID: String, product: String?, lookupKey: String?) async throws -> UUID? {
        if let plan = remembered(priceID, product) { return plan }
        let catalog = try await catalog.current(in: database)
        if let plan = lookupKey.flatMap({ catalog.plan(lookupKey: $0) }) {
            known.withLock { $0.plansByPrice[priceID] = plan.id }
            return plan.id
        }
        for plan in catalog.plans {
            guard let key = plan.lookupKey, let price = try await stripe.findPrice(key) else {
                continue
            }
            known.withLock { $0.add(price, plan: plan.id) }
        }
        return remembered(priceID, product)
    }

    private func remembered(_ priceID: String, _ product: String?) -> UUID? {
        known.withLock { known in
            known.plansByPrice[priceID] ?? product.flatMap { known.plansByProduct[$0] }
        }
    }

    /// The price to sell the plan at.
    ///
    /// - Throws: ``StripeCatalogGap`` where the catalog was not brought to Stripe: nobody is charged
    ///   another price than the one shown.
    func price(of plan: Plan) async throws -> StripePrice {
        guard let key = plan.lookupKey, let price = try await stripe.findPrice(key) else {
            throw StripeCatalogGap(plan: plan.name)
        }
        known.withLock { $0.add(price, plan: plan.id) }
        guard price.sells(plan) else { throw StripeCatalogGap(plan: plan.name) }
        return price
    }

    /// Makes the products and prices that Stripe lacks. A price at Stripe never changes what it
    /// costs; where the catalog has another, a new price of the same product takes the lookup key,
    /// and whoever subscribed before goes on paying the old one.
    ///
    /// - Returns: one sentence for each.
    public func createMissing() async throws -> [String] {
        var made: [String] = []
        for plan in try await catalog.current(in: database).plans where plan.isActive {
            guard let key = plan.lookupKey else { continue }
            let before = try await stripe.findPrice(key)
            if let before, before.sells(plan) { continue }
            let product: String
            if let before {
                product = before.productID
            } else {
                product = try await stripe.createProduct(
                    NewStripeProduct(name: plan.name), "product-\(key)"
                ).id
            }
            let price = NewStripePrice(
                productID: product, lookupKey: key, unitAmount: plan.priceMinor,
                currency: plan.currency)
            _ = try await stripe.createPrice(
                price,
                ["price", key, "\(plan.priceMinor)", plan.currency, before?.id ?? "first"]
                    .joined(separator: "-"))
            made.append(
                before.map {
                    "Stripe: price \(key) is now \(plan.priceMinor) \(plan.currency), was "
                        + "\($0.unitAmount ?? 0) \($0.currency) for who subscribed at it"
                } ?? "Stripe: price \(key) created")
        }
        return made
    }
}

extension StripePrice {
    fileprivate func sells(_ plan: Plan) -> Bool {
        unitAmount == plan.priceMinor && currency == plan.currency
    }
}

/// A plan is sold here that Stripe has no price for, or one of another amount:
/// `cuebx catalog sync --stripe` mends it.
struct StripeCatalogGap: Error, CustomStringConvertible {
    let plan: String

    var description: String {
        "Stripe has not the catalog's price for \(plan); run cuebx catalog sync --stripe"
    }
}
