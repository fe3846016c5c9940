import Database
import Foundation
import Ledger
import LedgerStore
import Stripe
import Values

/// The prices at Stripe that sell the catalog's plans.
public struct StripePrices: Sendable {
    package let stripe: StripeClient
    package let database: any Database
    package let catalog: CatalogStore

    public init(stripe: StripeClient, database: any Database, catalog: CatalogStore) {
        self.stripe = stripe
        self.database = database
        self.catalog = catalog
    }

    /// The plan that a price sells; `nil` if it is none of ours, or if Stripe's data do not say
    /// which. Stripe is asked only for a price that says nothing of itself.
    package func plan(of price: StripePrice) async throws -> UUID? {
        try await meaning(of: price).plan
    }

    /// The same for a price that only its id is known of, as in an invoice's line.
    ///
    /// - Parameter known: prices that were fetched a moment ago.
    package func plan(ofPriceID id: String, among known: [StripePrice]) async throws -> UUID? {
        try await meaning(ofPriceID: id, among: known).plan
    }

    package func meaning(
        ofPriceID id: String, among known: [StripePrice]
    ) async throws -> PriceMeaning {
        if let price = known.first(where: { $0.id == id }) { return try await meaning(of: price) }
        do {
            return try await meaning(of: stripe.retrievePrice(id))
        } catch let error as StripeError {
            guard case .notFound = error.kind else { throw error }
            return .nothing
        }
    }

    package func meaning(of price: StripePrice) async throws -> PriceMeaning {
        let rule = PlanOfPrice(try await catalog.current(in: database))
        if let meaning = rule.byItself(price) { return meaning }
        let prices = try await stripe.listPrices(.product(price.productID))
        return rule.byProduct(
            try await stripe.retrieveProduct(price.productID), prices: prices)
    }

    /// The price to sell the plan at.
    ///
    /// - Throws: ``StripeCatalogGap`` if the catalog was not brought to Stripe: nobody is charged
    ///   another price than the one shown, or for another plan.
    package func price(of plan: Plan) async throws -> StripePrice {
        guard let key = plan.lookupKey, let price = try await stripe.findPrice(key),
            price.sells(plan), try await self.plan(of: price) == plan.id
        else { throw StripeCatalogGap(offer: plan.name) }
        return price
    }

    /// The price to sell a seat of the plan at.
    ///
    /// - Throws: ``StripeCatalogGap`` as above.
    package func seatPrice(of plan: Plan) async throws -> StripePrice {
        guard let key = plan.seats?.lookupKey, let price = try await stripe.findPrice(key),
            price.sellsSeat(of: plan), try await meaning(of: price) == .seat(plan.id)
        else { throw StripeCatalogGap(offer: "a seat of \(plan.name)") }
        return price
    }

    /// The price to sell the pack at.
    ///
    /// - Throws: ``StripeCatalogGap`` as above.
    package func price(of pack: CreditPack) async throws -> StripePrice {
        guard let price = try await stripe.findPrice(pack.lookupKey), price.sells(pack) else {
            throw StripeCatalogGap(offer: pack.name)
        }
        return price
    }
}

extension StripePrice {
    /// Whether it costs, each interval of the plan, what the catalog says.
    package func sells(_ plan: Plan) -> Bool {
        money == plan.price && isPaid(each: plan.interval)
    }

    /// Whether it costs a month what a seat of the plan costs.
    package func sellsSeat(of plan: Plan) -> Bool {
        money == plan.seats?.price && isPaid(each: .month)
    }

    /// Whether it costs once what the catalog says.
    package func sells(_ pack: CreditPack) -> Bool { money == pack.price && interval == nil }

    /// `nil` for a price that is no whole number of its currency's unit, or has tiers.
    package var money: Money? { unitAmount.flatMap { Money(amount: $0, currency: currency) } }

    func isPaid(each interval: Plan.Interval) -> Bool {
        self.interval == interval.rawValue && intervalCount == 1
    }
}

/// A plan or a pack is sold here that Stripe has no price for, or one of another amount:
/// `cuebx catalog sync --stripe` mends it.
package struct StripeCatalogGap: Error, CustomStringConvertible {
    let offer: String

    package var description: String {
        "Stripe has not the catalog's price for \(offer); run cuebx catalog sync --stripe"
    }
}
