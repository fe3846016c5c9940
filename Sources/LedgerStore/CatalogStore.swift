import Database
import FoundationEssentials
import JSON
import Ledger
import Synchronization
import Values

/// A product's catalog in force, from its tables. A change made by another process is noticed by
/// the revision number that each batch of decisions reads.
public final class CatalogStore: Sendable {
    /// How many replaced catalogs are remembered.
    private static let maximumFormer = 64

    package let product: Product
    private let cached = Mutex<Catalog?>(nil)
    private let former = Mutex<[Int64: CatalogTerms]>([:])

    public init(of product: Product = .career) {
        self.product = product
    }

    /// The catalog as this database transaction sees it.
    ///
    /// - Throws: ``CatalogError`` if the product is not offered.
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
        let catalog = try CatalogTables.read(
            from: connection, revision: revision, of: product)
        cached.withLock { $0 = catalog }
        return catalog
    }

    public func current(in database: any Database) async throws -> Catalog {
        try await database.read { try self.current(in: $0) }
    }

    /// The same; `nil` for a product that was never synced.
    package func ifOffered(in connection: any DatabaseConnection) throws -> Catalog? {
        if cached.withLock({ $0 == nil }),
            try !CatalogTables.hasPlans(of: product, in: connection)
        {
            return nil
        }
        return try current(in: connection)
    }

    package func ifOffered(in database: any Database) async throws -> Catalog? {
        try await database.read { try self.ifOffered(in: $0) }
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

    /// Whether there was a catalog when it was last looked for.
    package var isKnown: Bool { cached.withLock { $0 != nil } }

    /// Whether the catalog had the feature when it was last looked at; for judging a request's
    /// shape before it is decided on.
    package func knows(feature: String) -> Bool {
        cached.withLock { $0?.features[feature] != nil }
    }
}
