import FoundationEssentials
import Values

/// A plan of the catalog: what a user subscribes to.
public struct Plan: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case free
        case paid
    }

    public let id: UUID
    public let name: String
    public let description: String
    /// The price a month.
    public let price: Money
    /// The price as a person reads it, e.g. `$20 / month`.
    public let displayPrice: String
    public let kind: Kind
    public let trialDays: Int64
    public let isActive: Bool
    /// The order of plans: an upgrade goes to a higher rank.
    public let rank: Int64
    public let features: [PlanFeature]
    /// Where Stripe's price is found; `nil` for a free plan.
    public let lookupKey: String?
    public let pricing: PlanPricingRule

    public init(
        id: UUID, name: String, description: String, price: Money, displayPrice: String, kind: Kind,
        trialDays: Int64, isActive: Bool, rank: Int64,
        features: [PlanFeature], lookupKey: String?, pricing: PlanPricingRule
    ) {
        self.id = id
        self.name = name
        self.description = description
        self.price = price
        self.displayPrice = displayPrice
        self.kind = kind
        self.trialDays = trialDays
        self.isActive = isActive
        self.rank = rank
        self.features = features
        self.lookupKey = lookupKey
        self.pricing = pricing
    }
}

/// A line of what a plan offers, for the page that sells it. No rule reads it.
public struct PlanFeature: Sendable, Hashable {
    public let title: String
    public let description: String
    public let value: String
    public let category: String

    public init(title: String, description: String, value: String, category: String) {
        self.title = title
        self.description = description
        self.value = value
        self.category = category
    }
}

/// What a plan grants and charges.
public struct PlanPricingRule: Sendable, Hashable {
    public let multiplier: Multiplier
    /// Granted at the start of each period.
    public let creditsAllocation: Credits
    /// Reservations in a UTC calendar minute; `nil` is unlimited.
    public let rateLimitPerMinute: Int64?
    /// Reservations in a UTC calendar day; `nil` is unlimited.
    public let rateLimitPerDay: Int64?

    public init(
        multiplier: Multiplier, creditsAllocation: Credits, rateLimitPerMinute: Int64?,
        rateLimitPerDay: Int64?
    ) {
        self.multiplier = multiplier
        self.creditsAllocation = creditsAllocation
        self.rateLimitPerMinute = rateLimitPerMinute
        self.rateLimitPerDay = rateLimitPerDay
    }

    public func limit(_ span: RateWindow.Span) -> Int64? {
        switch span {
        case .minute: rateLimitPerMinute
        case .day: rateLimitPerDay
        }
    }
}

/// What one call of a feature costs before a plan's multiplier.
public struct FeatureCostConfig: Sendable, Hashable {
    public let featureKey: String
    public let productType: String
    public let internalCost: Credits

    public init(featureKey: String, productType: String, internalCost: Credits) {
        self.featureKey = featureKey
        self.productType = productType
        self.internalCost = internalCost
    }
}

/// The plans and the features' costs in force: one immutable snapshot. A change of the catalog
/// makes a new one and touches no balance.
public struct Catalog: Sendable {
    /// Grows by one with each change, so that a process notices another's.
    public let revision: Int64
    /// All plans, cheapest first; inactive ones too, since somebody may still be on them.
    public let plans: [Plan]
    public let features: [String: FeatureCostConfig]
    public let freePlan: Plan
    private let plansByID: [UUID: Plan]

    /// Fails with one sentence for each rule that the catalog breaks.
    public init(
        revision: Int64, plans: [Plan], features: [FeatureCostConfig]
    ) throws(CatalogError) {
        var flaws: [String] = []
        let active = plans.filter(\.isActive)
        let free = active.filter { $0.kind == .free }
        if free.count != 1 { flaws.append("exactly one active plan must be free") }
        for (what, values) in [
            ("id", plans.map(\.id.uuidString)), ("name", plans.map(\.name)),
            ("rank", active.map { String($0.rank) }),
            ("lookup_key", plans.compactMap(\.lookupKey)),
            ("feature_key", features.map(\.featureKey)),
        ] where Set(values).count != values.count {
            flaws.append("\(what) must be unique")
        }
        // In an order of their own, so that the same flaws make the same sentence.
        for plan in plans.sorted(by: { $0.name < $1.name }) {
            for feature in features.sorted(by: { $0.featureKey < $1.featureKey })
            where plan.pricing.multiplier.applied(to: feature.internalCost) == nil {
                flaws.append(
                    "\(feature.featureKey) on \(plan.name) has no exact cost in micro-credits")
            }
        }
        guard flaws.isEmpty, let freePlan = free.first else { throw CatalogError(flaws: flaws) }
        self.revision = revision
        self.plans = plans.sorted { ($0.price, $0.rank) < ($1.price, $1.rank) }
        self.features = Dictionary(uniqueKeysWithValues: features.map { ($0.featureKey, $0) })
        self.freePlan = freePlan
        self.plansByID = Dictionary(uniqueKeysWithValues: plans.map { ($0.id, $0) })
    }

    public func plan(_ id: UUID) -> Plan? { plansByID[id] }

    /// The plan that a Stripe price of this lookup key sells.
    public func plan(lookupKey: String) -> Plan? { plans.first { $0.lookupKey == lookupKey } }

    /// What one call of the feature costs on the plan; `nil` for an unknown feature.
    public func cost(of featureKey: String, on plan: Plan) -> Credits? {
        guard let feature = features[featureKey] else { return nil }
        return plan.pricing.multiplier.applied(to: feature.internalCost)
    }
}

public struct CatalogError: Error, Equatable, CustomStringConvertible {
    public let flaws: [String]

    public init(flaws: [String]) {
        self.flaws = flaws
    }

    public var description: String { "the catalog is refused: " + flaws.joined(separator: "; ") }
}
