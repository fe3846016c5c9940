import Database
import FoundationEssentials
import Ledger
import Values

/// How the catalog lies in its three tables.
package enum CatalogTables {
    /// What a whole number of a catalog may be: days, a rank, a limit.
    package static let integers: ClosedRange<Int64> = 0...1_000_000

    /// What the tables hold of one product or of all, whether or not it makes a catalog.
    package struct Stored: Sendable {
        /// Retired ones too.
        package let plans: [Plan]
        /// Those that are offered.
        package let features: [FeatureCostConfig]
        /// Retired ones too.
        package let packs: [CreditPack]

        /// What there is of one product.
        package func of(_ product: Product) -> Stored {
            Stored(
                plans: plans.filter { $0.product == product },
                features: features.filter { $0.productType == product.rawValue },
                packs: packs.filter { $0.product == product })
        }
    }

    /// - Throws: ``CatalogError`` where what is stored breaks the catalog's rules.
    package static func read(
        from connection: any DatabaseConnection, revision: Int64, of product: Product = .career
    ) throws -> Catalog {
        let stored = try stored(in: connection).of(product)
        return try Catalog(
            revision: revision, of: product, plans: stored.plans, features: stored.features,
            packs: stored.packs)
    }

    /// The number of the catalogs in force.
    package static func revision(in connection: any DatabaseConnection) throws -> Int64 {
        var reader = try connection.query(CatalogStore.selectRevision)[0].reader
        return try reader.integer()
    }

    package static func isEmpty(in connection: any DatabaseConnection) throws -> Bool {
        try connection.query("SELECT id FROM plans LIMIT 1").isEmpty
    }

    package static func hasPlans(
        of product: Product, in connection: any DatabaseConnection
    ) throws -> Bool {
        try !connection.query(
            "SELECT id FROM plans WHERE product = ? LIMIT 1", [.text(product.rawValue)]
        ).isEmpty
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
                r.rate_limit_per_day, r.rollover_max_credits, r.rollover_periods,
                p.product, p.seat_price_minor, p.min_seats, p.max_seats, p.seat_lookup_key,
                p.billing_interval
            FROM plans p JOIN plan_pricing_rules r ON r.plan_id = p.id
            """
        ).map(PlanRow.read)
        return Stored(
            plans: plans, features: try FeatureRows.offered(in: connection),
            packs: try PackRows.all(in: connection))
    }

    /// Makes the tables say what the catalogs say; of other products they stay as they are. Plans
    /// and features that a catalog no longer has stay, inactive: somebody may still be on them, and
    /// the logs name them. What the catalogs before charged is kept.
    package static func write(
        _ catalogs: [Catalog], to connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try FormerCatalogs.keep(stored(in: connection), in: connection, now: now)
        for catalog in catalogs {
            let product = [SQLValue.text(catalog.product.rawValue)]
            try connection.execute("UPDATE plans SET is_active = 0 WHERE product = ?", product)
            try connection.execute(
                "UPDATE feature_cost_configs SET is_active = 0 WHERE product_type = ?", product)
            try PlanRow.freeNames(of: catalog.plans, in: connection)
            for plan in catalog.plans { try PlanRow.write(plan, to: connection, now: now) }
            for feature in catalog.features.values {
                try FeatureRows.write(feature, to: connection)
            }
            try PackRows.write(catalog.packs, of: catalog.product, to: connection, now: now)
        }
        try connection.execute(
            "UPDATE installation SET catalog_revision = catalog_revision + 1")
    }
}
