import Database
import FoundationEssentials
import Ledger
import LedgerStore
import Values

/// Makes the database's catalogs equal to the file's. Balances are not touched: what was granted is
/// a grant, and a reservation keeps the cost it was made with.
public struct CatalogSync: Sendable {
    private let database: any Database
    private let clock: DecisionClock

    public init(database: any Database, clock: DecisionClock) {
        self.database = database
        self.clock = clock
    }

    /// Products that are not among the wanted stay as they are.
    ///
    /// - Parameter dryRun: does all of it and undoes it, so that it refuses what a sync refuses.
    /// - Returns: one sentence for each change; none where nothing differs.
    /// - Throws: ``CatalogError`` where a plan would lose the key by which its subscribers are
    ///   known, where a stored plan of another id has a plan's name or key, and where the file
    ///   and what is stored make no catalog together. The database is then as it was.
    public func sync(_ wanted: [Catalog], dryRun: Bool) async throws -> [String] {
        try await rehearsing(dryRun) { connection, now in
            try CatalogSync.apply(wanted, to: connection, now: now)
        }
    }

    /// The same, and keeps the file as a revision, for who wants to change it next.
    ///
    /// - Parameters:
    ///   - force: takes a file that is older than what was published last.
    ///   - origin: who does it. What is published must be an edit of the newest revision; what the
    ///     command brings must not be from before a publication, unless nothing differs.
    /// - Throws: ``CatalogError`` for an older file, too.
    public func sync(
        _ file: CatalogFile.Contents, dryRun: Bool, force: Bool, origin: CatalogRevision.Origin
    ) async throws -> [String] {
        try await rehearsing(dryRun) { connection, now in
            // Whoever waited for its turn sees the revision that was made meanwhile.
            try CatalogTables.takeTurn(in: connection)
            let latest = try CatalogRevision.latest(in: connection)
            if let latest, origin.isPublished, file.revision != latest.number {
                throw CatalogError(flaws: [Self.isOlder(file, than: latest)])
            }
            let changes = try CatalogSync.apply(file.catalogs, to: connection, now: now)
            if !origin.isPublished, !force, !changes.isEmpty,
                let published = try CatalogRevision.latestPublished(in: connection),
                (file.revision ?? 0) < published.number
            {
                throw CatalogError(flaws: [Self.isOlder(file, than: published)])
            }
            if !changes.isEmpty || latest == nil {
                try CatalogRevision(
                    number: try CatalogTables.revision(in: connection), text: file.text,
                    origin: origin, createdAt: now
                ).insert(in: connection)
            }
            return changes
        }
    }

    private static func isOlder(
        _ file: CatalogFile.Contents, than latest: CatalogRevision
    ) -> String {
        let what = file.revision.map { "is revision \($0)" } ?? "has no revision"
        let how = latest.origin.isPublished ? "published" : "synced"
        return "the file \(what), and revision \(latest.number) was \(how) since: take that "
            + "file from the console, or give the command --force"
    }

    private func rehearsing(
        _ dryRun: Bool,
        _ work: @escaping @Sendable (any DatabaseConnection, Timestamp) throws -> [String]
    ) async throws -> [String] {
        let now = clock.now()
        do {
            return try await database.write { connection in
                let changes = try work(connection, now)
                if dryRun { throw Rehearsal(changes: changes) }
                return changes
            }
        } catch let rehearsal as Rehearsal {
            return rehearsal.changes
        }
    }

    /// Ends a database transaction whose changes are only to be told.
    private struct Rehearsal: Error {
        let changes: [String]
    }

    /// The catalog of a new database is the file's.
    public func applyAtFirstStart(path: String) async throws {
        let isEmpty = try await database.read { connection in
            try CatalogTables.isEmpty(in: connection)
        }
        guard isEmpty else { return }
        _ = try await sync(
            CatalogFile.load(path: path), dryRun: false, force: false, origin: .firstStart)
    }

    private static func apply(
        _ wanted: [Catalog], to connection: any DatabaseConnection, now: Timestamp
    ) throws -> [String] {
        // Processes that start at the same time, or operators, take turns.
        try CatalogTables.takeTurn(in: connection)
        // What is stored may be no catalog, or none yet: then this is what mends it.
        let old = try CatalogTables.stored(in: connection)
        let flaws = wanted.flatMap {
            newLookupKeys(from: old, to: $0) + takenNames(in: old, by: $0)
                + movedPacks(from: old, to: $0)
        }
        guard flaws.isEmpty else { throw CatalogError(flaws: flaws) }
        let changes = wanted.flatMap { differences(from: old.of($0.product), to: $0) }
        if !changes.isEmpty { try CatalogTables.write(wanted, to: connection, now: now) }
        for catalog in wanted { try confirmReadable(catalog.product, connection) }
        return changes
    }

    /// What every process reads from now on, retired plans included, must be a catalog.
    private static func confirmReadable(
        _ product: Product, _ connection: any DatabaseConnection
    ) throws {
        do {
            _ = try CatalogTables.read(from: connection, revision: 0, of: product)
        } catch let error as CatalogError {
            // The file alone has been found good, so that a plan it no longer has is the cause.
            throw CatalogError(
                flaws: error.flaws + [
                    "plans that were synced once count too, since somebody may be on them: "
                        + "one can be put back into the file, with is_active false, and changed"
                ])
        }
    }

    /// Whoever pays the price that a plan's lookup key finds would be on no plan of ours.
    private static func newLookupKeys(
        from old: CatalogTables.Stored, to new: Catalog
    ) -> [String] {
        old.plans.compactMap { before -> String? in
            guard let plan = new.plan(before.id) else { return nil }
            guard plan.product == before.product else {
                return "plan \(plan.name) must stay a plan of \(before.product)"
            }
            guard plan.interval == before.interval else {
                return "plan \(plan.name) must stay one by the \(before.interval): "
                    + "another interval needs another plan"
            }
            let kept = [
                (before.lookupKey, plan.lookupKey),
                (before.seats?.lookupKey, plan.seats?.lookupKey),
            ]
            guard let key = kept.first(where: { $0 != nil && $0 != $1 })?.0 else { return nil }
            return "plan \(plan.name) must keep its lookup_key \(key), by which its subscribers "
                + "are known; another price of the plan needs no other key"
        }
    }

    /// A pack is sold by its id to holders of one product: under another it would go on being sold
    /// to those of the first.
    private static func movedPacks(
        from old: CatalogTables.Stored, to new: Catalog
    ) -> [String] {
        old.packs.compactMap { before in
            guard let pack = new.pack(before.id), pack.product != before.product else { return nil }
            return "pack \(pack.name) must stay a pack of \(before.product)"
        }
    }

    /// A plan is its id: one that is stored, offered or not, keeps its name and its key from
    /// plans with other ids.
    private static func takenNames(
        in old: CatalogTables.Stored, by new: Catalog
    ) -> [String] {
        let kept = old.plans.filter { new.plan($0.id) == nil }
        return new.plans.flatMap { plan in
            kept.compactMap { stored -> String? in
                var taken: [String] = []
                if stored.product == plan.product, stored.name == plan.name { taken.append("name") }
                for key in plan.lookupKeys where stored.lookupKeys.contains(key) {
                    taken.append("lookup_key \(key)")
                }
                guard !taken.isEmpty else { return nil }
                return "plan \(plan.name) has another id than the stored plan \(stored.name) "
                    + "and the same \(taken.joined(separator: " and ")): "
                    + "a plan keeps its id, \(stored.id.text)"
            }
        }
    }

    private static func differences(
        from old: CatalogTables.Stored, to new: Catalog
    ) -> [String] {
        let plans = Dictionary(
            old.plans.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let costs = Dictionary(
            old.features.map { ($0.featureKey, $0) }, uniquingKeysWith: { first, _ in first })
        var changes: [String] = []
        for plan in new.plans {
            guard let before = plans[plan.id] else {
                changes.append("\(told(plan)) is new")
                continue
            }
            if before != plan { changes.append("\(told(plan)) changes") }
        }
        for plan in old.plans where plan.isActive && new.plan(plan.id) == nil {
            changes.append("\(told(plan)) is no longer offered")
        }
        for feature in new.features.values.sorted(by: { $0.featureKey < $1.featureKey }) {
            guard let before = costs[feature.featureKey] else {
                changes.append("feature \(feature.featureKey) is new")
                continue
            }
            if before.internalCost != feature.internalCost {
                changes.append(
                    "feature \(feature.featureKey) costs \(feature.internalCost.decimal), "
                        + "was \(before.internalCost.decimal)")
            } else if before != feature {
                changes.append("feature \(feature.featureKey) changes")
            }
        }
        for key in costs.keys.sorted() where new.features[key] == nil {
            changes.append("feature \(key) is no longer offered")
        }
        return changes + differences(from: old.packs, to: new)
    }

    private static func told(_ plan: Plan) -> String {
        plan.product == .career ? "plan \(plan.name)" : "\(plan.product) plan \(plan.name)"
    }

    private static func differences(from old: [CreditPack], to new: Catalog) -> [String] {
        let packs = Dictionary(old.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let changed = new.packs.compactMap { pack -> String? in
            guard let before = packs[pack.id] else { return "pack \(pack.name) is new" }
            return before == pack ? nil : "pack \(pack.name) changes"
        }
        let gone = old.filter { $0.isActive && new.pack($0.id) == nil }
        return changed + gone.map { "pack \($0.name) is no longer offered" }
    }
}
