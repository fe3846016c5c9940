import FoundationEssentials
import Values

/// A plan of the catalog: what a user subscribes to.
public struct Plan: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case free
        case paid
    }

    public let id: UUID
    public let product: Product
    /// How long one payment lasts. Credits are granted by the month either way.
    public enum Interval: String, Sendable, Hashable, CaseIterable {
        case month
        case year

        /// Calendar months.
        public var months: Int64 { self == .year ? 12 : 1 }
    }

    /// Unique among the product's plans.
    public let name: String
    public let description: String
    /// The price of an interval.
    public let price: Money
    /// The price as a person reads it, e.g. `$20 / month`.
    public let displayPrice: String
    public let kind: Kind
    public let interval: Interval
    public let trialDays: Int64
    public let isActive: Bool
    /// The order of plans: an upgrade goes to a higher rank.
    public let rank: Int64
    public let features: [PlanFeature]
    /// Where Stripe's price is found; `nil` for a free plan.
    public let lookupKey: String?
    public let pricing: PlanPricingRule
    /// `nil` for a plan of a product that is not sold by seats.
    public let seats: SeatTerms?

    public init(
        id: UUID, product: Product = .career, name: String, description: String, price: Money,
        displayPrice: String,
        kind: Kind, interval: Interval = .month, trialDays: Int64, isActive: Bool, rank: Int64,
        features: [PlanFeature], lookupKey: String?, pricing: PlanPricingRule,
        seats: SeatTerms? = nil
    ) {
        self.id = id
        self.product = product
        self.name = name
        self.description = description
        self.price = price
        self.displayPrice = displayPrice
        self.kind = kind
        self.interval = interval
        self.trialDays = trialDays
        self.isActive = isActive
        self.rank = rank
        self.features = features
        self.lookupKey = lookupKey
        self.pricing = pricing
        self.seats = seats
    }
}

extension Plan {
    /// Where Stripe's prices of the plan and of a seat of it are found.
    public var lookupKeys: [String] { [lookupKey, seats?.lookupKey].compactMap { $0 } }

    /// What so many subscriptions bring in a month, in the currency's minor unit, rounded down.
    package func monthly(of subscriptions: Int64) -> Int64 {
        price.amount * subscriptions / interval.months
    }

    /// Free months are counted from the account's start, and seats are sold by the month.
    fileprivate var intervalFlaw: String? {
        guard interval == .year else { return nil }
        if kind == .free { return "\(name): a free plan's interval must be month" }
        return product.sellsSeats ? "\(name): \(product) has plans by the month alone" : nil
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
    /// Granted at the start of each period, of a year's plan at the start of each month.
    public let creditsAllocation: Credits
    /// Reservations in a UTC calendar minute; `nil` is unlimited.
    public let rateLimitPerMinute: Int64?
    /// Reservations in a UTC calendar day; `nil` is unlimited.
    public let rateLimitPerDay: Int64?
    /// What a period hands on to the next; `nil`: nothing.
    public let rollover: Rollover?

    public init(
        multiplier: Multiplier, creditsAllocation: Credits, rateLimitPerMinute: Int64?,
        rateLimitPerDay: Int64?, rollover: Rollover? = nil
    ) {
        self.multiplier = multiplier
        self.creditsAllocation = creditsAllocation
        self.rateLimitPerMinute = rateLimitPerMinute
        self.rateLimitPerDay = rateLimitPerDay
        self.rollover = rollover
    }

    public func limit(_ span: RateWindow.Span) -> Int64? {
        switch span {
        case .minute: rateLimitPerMinute
        case .day: rateLimitPerDay
        }
    }
}

/// What a period had left when it ended, and may be used in those that follow.
public struct Rollover: Sendable, Hashable {
    /// The most that is handed on.
    public let maxCredits: Credits
    /// After how many periods it ends.
    public let periods: Int64

    public init(maxCredits: Credits, periods: Int64) {
        self.maxCredits = maxCredits
        self.periods = periods
    }
}

/// The plans and the features' costs of a product in force: one immutable snapshot. A change of the
/// catalog makes a new one and touches no balance.
public struct Catalog: Sendable {
    public let product: Product
    /// Grows by one with each change of any product's, so that a process notices another's.
    public let revision: Int64
    /// All plans, cheapest first; inactive ones too, since somebody may still be on them.
    public let plans: [Plan]
    public let features: [String: FeatureCostConfig]
    /// All packs, cheapest first; inactive ones too, since somebody may still pay for one.
    public let packs: [CreditPack]
    public let freePlan: Plan
    private let plansByID: [UUID: Plan]

    /// Fails with one sentence for each rule that the catalog breaks.
    public init(
        revision: Int64, of product: Product = .career, plans: [Plan],
        features: [FeatureCostConfig], packs: [CreditPack] = []
    ) throws(CatalogError) {
        var flaws: [String] = []
        let active = plans.filter(\.isActive)
        let free = active.filter { $0.kind == .free }
        if free.count != 1 { flaws.append("exactly one active plan must be free") }
        let names: [(what: String, values: [String])] = [
            ("id", plans.map(\.id.uuidString)), ("name", plans.map(\.name)),
            ("rank", active.map { String($0.rank) }),
            ("lookup_key", Self.lookupKeys(plans, packs)),
            ("a pack's id", packs.map(\.id.uuidString)),
            ("a pack's name", packs.filter(\.isActive).map(\.name)),
            ("feature_key", features.map(\.featureKey)),
        ]
        for (what, values) in names where Set(values).count != values.count {
            flaws.append("\(what) must be unique")
        }
        flaws += plans.compactMap { SeatTerms.flaw(of: $0) }
        flaws += plans.compactMap(\.intervalFlaw)
        flaws += Self.strangers(to: product, plans, features, packs)
        flaws += Self.flawedPrices(of: features, on: plans)
        guard flaws.isEmpty, let freePlan = free.first else { throw CatalogError(flaws: flaws) }
        self.product = product
        self.revision = revision
        self.plans = plans.sorted { ($0.price, $0.rank) < ($1.price, $1.rank) }
        self.features = Dictionary(uniqueKeysWithValues: features.map { ($0.featureKey, $0) })
        self.packs = packs.sorted { ($0.price, $0.name) < ($1.price, $1.name) }
        self.freePlan = freePlan
        self.plansByID = Dictionary(uniqueKeysWithValues: plans.map { ($0.id, $0) })
    }

    /// Every key that finds a price at Stripe: of all plans, and of the packs that are sold.
    static func lookupKeys(_ plans: [Plan], _ packs: [CreditPack]) -> [String] {
        plans.flatMap(\.lookupKeys) + packs.filter(\.isActive).map(\.lookupKey)
    }

    /// What another product's is: a call is charged by its own product's prices alone.
    private static func strangers(
        to product: Product, _ plans: [Plan], _ features: [FeatureCostConfig],
        _ packs: [CreditPack]
    ) -> [String] {
        var flaws: [String] = []
        for plan in plans where plan.product != product {
            flaws.append("\(plan.name) is another product's plan")
        }
        for pack in packs where pack.product != product {
            flaws.append("\(pack.name) is another product's pack")
        }
        for feature in features {
            if feature.productType != product.rawValue {
                flaws.append("\(feature.featureKey): product_type must be \(product)")
            } else if feature.featureKey.hasPrefix(Product.keyOfAPI) != (product == .api) {
                flaws.append(
                    "\(feature.featureKey): keys of api's features, and only those, begin with "
                        + Product.keyOfAPI)
            }
        }
        return flaws
    }

    /// In an order of their own, so that the same flaws make the same sentence.
    private static func flawedPrices(of features: [FeatureCostConfig], on plans: [Plan]) -> [String]
    {
        let features = features.sorted { $0.featureKey < $1.featureKey }
        var flaws: [String] = []
        for feature in features where !feature.tokenPrices.isEmpty {
            if feature.defaultHold ?? .zero <= .zero {
                flaws.append("\(feature.featureKey) has token_prices and so needs a default_hold")
            }
            let models = feature.tokenPrices.map(\.model)
            if Set(models.map { Array($0.utf8) }).count != models.count {
                flaws.append("\(feature.featureKey) has token_prices of one model twice")
            }
        }
        for plan in plans.sorted(by: { $0.name < $1.name }) {
            let multiplier = plan.pricing.multiplier
            for feature in features {
                let named = "\(feature.featureKey) on \(plan.name)"
                if multiplier.applied(to: feature.internalCost) == nil {
                    flaws.append("\(named) has no exact cost in micro-credits")
                } else if CallTerms(feature: feature, multiplier: multiplier).defaultHold == nil {
                    flaws.append("\(named) has a default_hold beyond a billion credits")
                }
            }
        }
        return flaws
    }

    public var lookupKeys: [String] { Self.lookupKeys(plans, packs) }

    public func plan(_ id: UUID) -> Plan? { plansByID[id] }

    public func pack(_ id: UUID) -> CreditPack? { packs.first { $0.id == id } }

    /// The plan that a Stripe price of this lookup key sells.
    public func plan(lookupKey: String) -> Plan? { plans.first { $0.lookupKey == lookupKey } }

    /// What one call of the feature costs on the plan; `nil` for an unknown feature.
    public func cost(of featureKey: String, on plan: Plan) -> Credits? {
        guard let feature = features[featureKey] else { return nil }
        return plan.pricing.multiplier.applied(to: feature.internalCost)
    }

    /// What a call of the feature is charged on the plan; `nil` for an unknown feature.
    public func terms(of featureKey: String, on plan: Plan) -> CallTerms? {
        features[featureKey].map {
            CallTerms(feature: $0, multiplier: plan.pricing.multiplier)
        }
    }

    /// What this catalog charges, as it is looked up once another has replaced it.
    public var terms: CatalogTerms {
        CatalogTerms(
            revision: revision, features: Array(features.values),
            multipliers: plansByID.mapValues(\.pricing.multiplier))
    }
}

public struct CatalogError: Error, Equatable, CustomStringConvertible {
    public let flaws: [String]

    public init(flaws: [String]) {
        self.flaws = flaws
    }

    public var description: String { "the catalog is refused: " + flaws.joined(separator: "; ") }
}
