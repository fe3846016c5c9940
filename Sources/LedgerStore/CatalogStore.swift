import Database
import FoundationEssentials
import JSON
import Ledger
import Synchronization
import Values

/// The catalog in force, from its tables. A change made by another process is noticed by the
/// revision number that each batch of decisions reads.
public final class CatalogStore: Sendable {
    /// How many replaced catalogs are remembered.
    private static let maximumFormer = 64

    private let cached = Mutex<Catalog?>(nil)
    private let former = Mutex<[Int64: CatalogTerms]>([:])

    public init() {}

    /// The catalog as this database transaction sees it.
    public func current(in connection: any DatabaseConnection) throws -> Catalog {
        var row = try connection.query(Self.selectRevision)[0].reader
        return try current(revision: row.integer(), in: connection)
    }

    /// The number of the catalog's last change.
    static let selectRevision = "SELECT catalog_revision FROM installation"

    /// The same for a caller that has read the revision together with what else it asked for.
    package func current(
        revision: Int64, in connection: any DatabaseConnection
    ) throws -> Catalog {
        if let catalog = cached.withLock({ $0 }), catalog.revision == revision { return catalog }
        let catalog = try CatalogTables.read(from: connection, revision: revision)
        cached.withLock { $0 = catalog }
        return catalog
    }

    public func current(in database: any Database) async throws -> Catalog {
        try await database.read { try self.current(in: $0) }
    }

    /// What the catalog of this number charges, be it in force or replaced; `nil` if there was none
    /// of this number.
    package func terms(
        revision: Int64, in connection: any DatabaseConnection
    ) throws -> CatalogTerms? {
        let catalog = try current(in: connection)
        if catalog.revision == revision { return catalog.terms }
        if let terms = former.withLock({ $0[revision] }) { return terms }
        guard let terms = try FormerCatalogs.terms(revision: revision, in: connection) else {
            return nil
        }
        former.withLock { former in
            if former.count >= Self.maximumFormer { former.removeAll() }
            former[revision] = terms
        }
        return terms
    }

    /// The rules by which a batch is decided: the catalog of the revision that was read with it,
    /// and the replaced ones under which its holds were made.
    package func rules(
        of batch: LedgerBatch, revision: Int64, _ spans: LedgerSpans,
        in connection: any DatabaseConnection
    ) throws -> LedgerRules {
        let catalog = try current(revision: revision, in: connection)
        var former: [Int64: CatalogTerms] = [:]
        for log in batch.logs.values {
            guard let pinned = log.pin?.revision, pinned != revision, former[pinned] == nil else {
                continue
            }
            former[pinned] = try terms(revision: pinned, in: connection)
        }
        return LedgerRules(
            catalog: catalog, formerCatalogs: former, reservationTTL: spans.reservationTTL,
            pastDueGrace: spans.pastDueGrace)
    }

    /// Whether the catalog had the feature when it was last looked at; for judging a request's
    /// shape before it is decided on.
    package func knows(feature: String) -> Bool {
        cached.withLock { $0?.features[feature] != nil }
    }
}

/// How the catalog lies in its three tables.
package enum CatalogTables {
    /// What a whole number of a catalog may be: days, a rank, a limit.
    package static let integers: ClosedRange<Int64> = 0...1_000_000

    /// What the tables hold, whether or not it makes a catalog.
    package struct Stored: Sendable {
        /// Retired ones too.
        package let plans: [Plan]
        /// Those that are offered.
        package let features: [FeatureCostConfig]
        /// Retired ones too.
        package let packs: [CreditPack]
    }

    /// - Throws: ``CatalogError`` where what is stored breaks the catalog's rules.
    package static func read(from connection: any DatabaseConnection, revision: Int64) throws
        -> Catalog
    {
        let stored = try stored(in: connection)
        return try Catalog(
            revision: revision, plans: stored.plans, features: stored.features,
            packs: stored.packs)
    }

    package static func isEmpty(in connection: any DatabaseConnection) throws -> Bool {
        try connection.query("SELECT id FROM plans LIMIT 1").isEmpty
    }

    /// Waits until no other database transaction changes the catalog, and keeps others waiting.
    package static func takeTurn(in connection: any DatabaseConnection) throws {
        _ = try connection.query(
            "SELECT catalog_revision FROM installation" + connection.dialect.lockRows)
    }

    package static func stored(in connection: any DatabaseConnection) throws -> Stored {
        let plans = try connection.query(
            """
            SELECT p.id, p.name, p.description, p.price_minor, p.currency, p.display_price,
                p.type, p.trial_days, p.is_active, p.rank, p.features, p.lookup_key,
                r.multiplier, r.credits_allocation, r.rate_limit_per_minute,
                r.rate_limit_per_day, r.rollover_max_credits, r.rollover_periods
            FROM plans p JOIN plan_pricing_rules r ON r.plan_id = p.id
            """
        ).map(plan)
        return Stored(
            plans: plans, features: try FeatureRows.offered(in: connection),
            packs: try PackRows.all(in: connection))
    }

    private static func money(_ amount: Int64, _ currency: String) throws -> Money {
        guard let money = Money(amount: amount, currency: currency) else {
            throw DatabaseError.decoding("plans.price_minor and currency are no price")
        }
        return money
    }

    private static func plan(_ row: Row) throws -> Plan {
        var reader = row.reader
        func multiplier() throws -> Multiplier {
            guard let multiplier = Multiplier(millionths: try reader.integer()) else {
                throw DatabaseError.decoding("a plan's multiplier is none")
            }
            return multiplier
        }
        return try Plan(
            id: reader.uuid(), name: reader.text(), description: reader.text(),
            price: money(reader.count(), reader.text()), displayPrice: reader.text(),
            kind: reader.oneOf(Plan.Kind.self),
            trialDays: reader.integer(in: CatalogTables.integers),
            isActive: reader.bool(), rank: reader.integer(in: CatalogTables.integers),
            features: PlanFeatures.parse(reader.text()), lookupKey: reader.optionalText(),
            pricing: PlanPricingRule(
                multiplier: multiplier(),
                creditsAllocation: reader.credits(),
                rateLimitPerMinute: reader.optionalCount(),
                rateLimitPerDay: reader.optionalCount(), rollover: rollover(&reader)))
    }

    private static func rollover(_ reader: inout RowReader) throws -> Rollover? {
        let (most, periods) = (try reader.optionalCredits(), try reader.optionalCount())
        guard let most, let periods else { return nil }
        return Rollover(maxCredits: most, periods: periods)
    }

    /// Makes the tables say what the catalog says. Plans and features that it no longer has stay,
    /// inactive: somebody may still be on them, and the logs name them. What the catalog before
    /// charged is kept.
    package static func write(
        _ catalog: Catalog, to connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try FormerCatalogs.keep(stored(in: connection), in: connection, now: now)
        try connection.execute("UPDATE plans SET is_active = 0")
        try connection.execute("UPDATE feature_cost_configs SET is_active = 0")
        try freeNames(of: catalog.plans, in: connection)
        for plan in catalog.plans { try write(plan, to: connection, now: now) }
        for feature in catalog.features.values {
            try FeatureRows.write(feature, to: connection)
        }
        try PackRows.write(catalog.packs, to: connection, now: now)
        try connection.execute(
            "UPDATE installation SET catalog_revision = catalog_revision + 1")
    }

    /// Plans may take over each other's names, and a name is unique after every statement: the
    /// plans' own ids are in the way of nobody meanwhile.
    private static func freeNames(
        of plans: [Plan], in connection: any DatabaseConnection
    ) throws {
        try connection.executeMany(
            "UPDATE plans SET name = ? WHERE id = ?",
            plans.map { [.text($0.id.text), .uuid($0.id)] })
    }

    private static func write(
        _ plan: Plan, to connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try connection.execute(
            """
            INSERT INTO plans (id, name, description, price_minor, currency, display_price, type,
                trial_days, is_active, rank, features, lookup_key, updated_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET name = excluded.name,
                description = excluded.description, price_minor = excluded.price_minor,
                currency = excluded.currency, display_price = excluded.display_price,
                type = excluded.type, trial_days = excluded.trial_days,
                is_active = excluded.is_active, rank = excluded.rank,
                features = excluded.features, lookup_key = excluded.lookup_key,
                updated_at = excluded.updated_at
            """,
            [
                .uuid(plan.id), .text(plan.name), .text(plan.description),
                .integer(plan.price.amount), .text(plan.price.currency.code),
                .text(plan.displayPrice),
                .text(plan.kind.rawValue), .integer(plan.trialDays), .bool(plan.isActive),
                .integer(plan.rank), .text(PlanFeatures.text(plan.features)),
                .text(plan.lookupKey), .time(now),
            ])
        try connection.execute(
            """
            INSERT INTO plan_pricing_rules (plan_id, multiplier, credits_allocation,
                rate_limit_per_minute, rate_limit_per_day, rollover_max_credits,
                rollover_periods)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (plan_id) DO UPDATE SET multiplier = excluded.multiplier,
                credits_allocation = excluded.credits_allocation,
                rate_limit_per_minute = excluded.rate_limit_per_minute,
                rate_limit_per_day = excluded.rate_limit_per_day,
                rollover_max_credits = excluded.rollover_max_credits,
                rollover_periods = excluded.rollover_periods
            """,
            [
                .uuid(plan.id), .integer(plan.pricing.multiplier.millionths),
                .credits(plan.pricing.creditsAllocation),
                .integer(plan.pricing.rateLimitPerMinute),
                .integer(plan.pricing.rateLimitPerDay),
                .credits(plan.pricing.rollover?.maxCredits),
                .integer(plan.pricing.rollover?.periods),
            ])
    }
}

/// A plan's selling points are shown, never queried: one JSON text in one column.
enum PlanFeatures {
    static func text(_ features: [PlanFeature]) -> String {
        JSONValue.array(
            features.map {
                [
                    "title": .string($0.title), "description": .string($0.description),
                    "value": .string($0.value), "category": .string($0.category),
                ]
            }
        ).compactText
    }

    static func parse(_ text: String) throws -> [PlanFeature] {
        try (JSONValue.parse(text).array ?? []).map { feature in
            func member(_ name: String) throws -> String {
                guard let text = feature[name]?.string else {
                    throw DatabaseError.decoding("plans.features lacks \(name)")
                }
                return text
            }
            return try PlanFeature(
                title: member("title"), description: member("description"),
                value: member("value"), category: member("category"))
        }
    }
}
