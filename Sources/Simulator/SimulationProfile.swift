import FoundationEssentials
import Ledger
import Values

/// What is drawn once for a run: how many people, which rates of which faults, which catalogs.
/// Runs that differ in their rates find more than runs that are all alike.
struct SimulationProfile {
    var persons = 1
    var length = 0
    var catalogs: [Catalog] = []
    var reservationTTL: Int64 = 900
    var pastDueGrace: Int64 = 3 * 86_400
    /// What Stripe does with a subscription that nobody pays for.
    var dunningCancels = true
    /// Of all flushes, the share that goes wrong.
    var faultRate = 0.0
    var faultKinds: [SimulatedFault.Kind] = []
    /// Of all validates, the share that repeats an earlier id; half of those with another hash.
    var poison = 0.0
    var isSkewed = false
    var start = Timestamp.epoch
    /// How often each kind of event comes, relative to the others.
    var weights: [Kind: Double] = [:]

    enum Kind: CaseIterable {
        case flush, validate, commit, clock, balance, sweep, stripe, fetch, applyFetched, message
        case adjust, standing, signUp, erase, catalog, extend, capture, cancel, grant, limit, record

        var usualWeight: Double {
            switch self {
            case .flush: 22
            case .validate: 30
            case .commit: 22
            case .extend: 4
            case .capture: 5
            case .cancel: 1.5
            case .record: 3
            case .grant: 5
            case .limit: 0.6
            case .clock: 12
            case .balance: 3
            case .sweep: 1
            case .stripe: 5
            case .fetch, .applyFetched: 5
            case .message: 3
            case .adjust: 1
            case .standing: 0.4
            case .signUp: 1.5
            case .erase: 0.15
            case .catalog: 0.3
            }
        }

        /// Without these a run stands still.
        var isVital: Bool { self == .flush || self == .validate || self == .commit }
    }

    init(_ random: inout SimulationRandom, length: Int) throws {
        // A short run ends before what went wrong is put right by what comes later.
        self.length = random.pick(length / 4, length / 2, length)
        persons = random.pick(1, 2, 3, 6)
        reservationTTL = random.pick(900, 900, 60)
        pastDueGrace = random.pick(3 * 86_400, 3 * 86_400, 86_400)
        dunningCancels = random.chance(0.5)
        faultRate = random.pick(0, 0.02, 0.1, 0.3)
        faultKinds = SimulatedFault.Kind.allCases.filter { _ in random.chance(0.6) }
        poison = random.pick(0.05, 0.2, 0.5)
        isSkewed = random.chance(0.25)
        // Somewhere in 2026 to 2029, so that a leap year and each month's end are met.
        start = Timestamp(
            clamping: 1_767_225_600_000_000 + Int64(random.below(3 * 365 * 86_400)) * 1_000_000
                + Int64(random.below(1_000_000)))
        for kind in Kind.allCases {
            let factor = kind.isVital ? random.pick(0.5, 1, 2) : random.pick(0, 0.5, 1, 3)
            weights[kind] = kind.usualWeight * factor
        }
        for revision in 1...Int64(3) {
            catalogs.append(try Self.catalog(&random, revision: revision))
        }
    }

    /// Three plans whose numbers are small enough that every limit is met.
    private static func catalog(
        _ random: inout SimulationRandom, revision: Int64
    ) throws -> Catalog {
        let free = random.pick(2, 5, 25)
        let plus = free + random.pick(1, 10, 100)
        let pro = plus + random.pick(7, 50, 333)
        let plans = [
            plan(&random, 1, "Free", .free, credits: free),
            plan(&random, 2, "Plus", .paid, credits: plus),
            plan(&random, 3, "Pro", .paid, credits: pro),
        ]
        let features = features.map { feature(&random, $0) }
        return try Catalog(revision: revision, plans: plans, features: features)
    }

    static let features = ["career.job_match", "career.keywords", "career.chat"]

    /// One feature has a fixed price and nothing else, one has terms of its own, one has prices of
    /// tokens.
    private static func feature(
        _ random: inout SimulationRandom, _ key: String
    ) -> FeatureCostConfig {
        let cost = Credits(clamping: random.pick(500_000, 1_000_000, 1_500_000, 2_000_000))
        guard key != features[0] else {
            return FeatureCostConfig(featureKey: key, productType: "career", internalCost: cost)
        }
        var prices: [TokenPrice] = []
        if key == features[2] {
            prices = [
                TokenPrice(
                    model: "m-1", input: Credits(clamping: random.pick(3_000_000, 777_777)),
                    output: Credits(clamping: 900_000_000)),
                TokenPrice(
                    model: "m-*", input: Credits(clamping: 250_000_001),
                    output: Credits(clamping: 1_500_000_000)),
            ]
        }
        return FeatureCostConfig(
            featureKey: key, productType: "career",
            internalCost: Credits(clamping: random.pick(0, 100_000, 500_000)),
            tokenPrices: prices,
            defaultHold: prices.isEmpty ? nil : Credits(clamping: random.pick(700_001, 3_000_000)),
            maximumHoldSeconds: random.pick(nil, 300, 7200),
            overuse: random.pick(.cap, .ifAvailable),
            lateCommitSeconds: random.pick(0, 60, 86_400))
    }

    private static func plan(
        _ random: inout SimulationRandom, _ number: UInt8, _ name: String, _ kind: Plan.Kind,
        credits: Int
    ) -> Plan {
        Plan(
            id: UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number)), name: name,
            description: "",
            price: Money(amount: Int64(number - 1) * 2000, currency: .usd) ?? .zero(.usd),
            displayPrice: "", kind: kind, trialDays: 7, isActive: true, rank: Int64(number),
            features: [], lookupKey: kind == .paid ? name.lowercased() : nil,
            pricing: PlanPricingRule(
                multiplier: random.pick(.one, .one, .oneAndAHalf),
                creditsAllocation: Credits(clamping: Int64(credits) * 1_000_000),
                rateLimitPerMinute: random.pick(nil, 3, 10),
                rateLimitPerDay: random.pick(nil, 6, 100),
                rollover: random.pick(
                    nil, Rollover(maxCredits: Credits(clamping: 2_000_000), periods: 1),
                    Rollover(maxCredits: Credits(clamping: 90_000_000), periods: 2))))
    }
}
