import CareerDomain
import Database
import FoundationEssentials

/// Makes the database's catalog equal to the file's. Balances are not touched: what was granted is
/// a grant, and a reservation keeps the cost it was made with.
public struct CatalogSync: Sendable {
    private let database: any Database
    private let store: CatalogStore
    private let clock: DecisionClock

    public init(database: any Database, store: CatalogStore, clock: DecisionClock) {
        self.database = database
        self.store = store
        self.clock = clock
    }

    /// - Returns: one sentence for each change; none where nothing differs.
    /// - Throws: ``CatalogError`` where a plan would lose the key by which its subscribers are known.
    public func sync(_ wanted: Catalog, dryRun: Bool) async throws -> [String] {
        let now = clock.now()
        return try await database.write { [store] connection in
            // Processes that start at the same time, or operators, take turns.
            _ = try connection.query(
                "SELECT catalog_revision FROM installation" + connection.dialect.lockRows)
            let old = try CatalogSync.stored(store, connection)
            try CatalogSync.refuseNewLookupKeys(from: old, to: wanted)
            let changes = CatalogSync.differences(from: old, to: wanted)
            if !dryRun && !changes.isEmpty {
                try CatalogTables.write(wanted, to: connection, now: now)
            }
            return changes
        }
    }

    /// The catalog of a new database is the file's.
    public func applyAtFirstStart(path: String) async throws {
        let isEmpty = try await database.read { connection in
            try connection.query("SELECT id FROM plans LIMIT 1").isEmpty
        }
        if isEmpty { _ = try await sync(CatalogFile.read(path: path), dryRun: false) }
    }

    /// `nil` in a new database, which has no free plan and so no valid catalog yet.
    private static func stored(
        _ store: CatalogStore, _ connection: any DatabaseConnection
    ) throws -> Catalog? {
        let isEmpty = try connection.query("SELECT id FROM plans LIMIT 1").isEmpty
        return isEmpty ? nil : try store.current(in: connection)
    }

    /// Whoever pays the price that a plan's lookup key finds would be on no plan of ours.
    private static func refuseNewLookupKeys(
        from old: Catalog?, to new: Catalog
    ) throws(CatalogError) {
        let flaws = new.plans.compactMap { plan -> String? in
            guard let key = old?.plan(plan.id)?.lookupKey, plan.lookupKey != key else {
                return nil
            }
            return "plan \(plan.name) must keep its lookup_key \(key), by which its subscribers "
                + "are known; another price of the plan needs no other key"
        }
        if !flaws.isEmpty { throw CatalogError(flaws: flaws) }
    }

    static func differences(from old: Catalog?, to new: Catalog) -> [String] {
        var changes: [String] = []
        for plan in new.plans {
            guard let before = old?.plan(plan.id) else {
                changes.append("plan \(plan.name) is new")
                continue
            }
            if before != plan { changes.append("plan \(plan.name) changes") }
        }
        for plan in old?.plans ?? [] where plan.isActive && new.plan(plan.id) == nil {
            changes.append("plan \(plan.name) is no longer offered")
        }
        for feature in new.features.values.sorted(by: { $0.featureKey < $1.featureKey }) {
            guard let before = old?.features[feature.featureKey] else {
                changes.append("feature \(feature.featureKey) is new")
                continue
            }
            if before != feature {
                changes.append(
                    "feature \(feature.featureKey) costs \(feature.internalCost.decimal), "
                        + "was \(before.internalCost.decimal)")
            }
        }
        for key in (old?.features.keys.sorted() ?? []) where new.features[key] == nil {
            changes.append("feature \(key) is no longer offered")
        }
        return changes
    }
}
