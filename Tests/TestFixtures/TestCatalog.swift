import Foundation
import Ledger
import Values

/// A catalog of three plans, as the product's own.
package enum TestCatalog {
    package static let start = Timestamp(rfc3339: "2026-01-31T12:00:00Z")!
    package static let free = plan(1, "Free", .free, price: 0, credits: "25")
    package static let plus = plan(2, "Plus", .paid, price: 2000, credits: "500")
    package static let pro = plan(3, "Pro", .paid, price: 4000, credits: "2000")
    package static let features = [
        FeatureCostConfig(
            featureKey: "match", productType: "career", internalCost: Credits(decimal: "1")!)
    ]

    package static func catalog(_ plans: [Plan] = [free, plus, pro]) throws -> Catalog {
        try Catalog(revision: 1, plans: plans, features: features)
    }

    /// The API product's: a free plan, and one that is sold by seats.
    package static let apiPlans = [
        apiPlan(
            101, "Free", .free, price: 0,
            SeatTerms(
                price: .zero(.usd), minimum: 1, maximum: 1, lookupKey: nil)),
        apiPlan(
            102, "Basic", .paid, price: 1900,
            SeatTerms(
                price: Money(amount: 200, currency: "usd")!, minimum: 1, maximum: 5,
                lookupKey: "api_seat")),
    ]

    package static func api(_ plans: [Plan] = apiPlans) throws -> Catalog {
        try Catalog(
            revision: 1, of: .api, plans: plans,
            features: [
                FeatureCostConfig(
                    featureKey: "api.match", productType: "api",
                    internalCost: Credits(decimal: "1")!)
            ])
    }

    package static func apiPlan(
        _ number: UInt8, _ name: String, _ kind: Plan.Kind, price: Int64, _ seats: SeatTerms
    ) -> Plan {
        Plan(
            id: UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number)), product: .api,
            name: name, description: "", price: Money(amount: price, currency: "usd")!,
            displayPrice: "$\(price / 100) / month", kind: kind, trialDays: 0, isActive: true,
            rank: Int64(number), features: [],
            lookupKey: kind == .paid ? "api_\(name.lowercased())" : nil,
            pricing: PlanPricingRule(
                multiplier: .one, creditsAllocation: Credits(decimal: "100")!,
                rateLimitPerMinute: 20, rateLimitPerDay: 500), seats: seats)
    }

    package static func plan(
        _ number: UInt8, _ name: String, _ kind: Plan.Kind, price: Int64, credits: String,
        currency: String = "usd", lookupKey: String? = nil, isActive: Bool = true
    ) -> Plan {
        Plan(
            id: UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number)), name: name,
            description: "", price: Money(amount: price, currency: currency)!,
            displayPrice: kind == .free ? "Free" : "$\(price / 100) / month", kind: kind,
            trialDays: 7, isActive: isActive, rank: Int64(number), features: [],
            lookupKey: kind == .paid ? lookupKey ?? name.lowercased() : nil,
            pricing: PlanPricingRule(
                multiplier: .one, creditsAllocation: Credits(decimal: credits)!,
                rateLimitPerMinute: 10, rateLimitPerDay: 100))
    }
}
