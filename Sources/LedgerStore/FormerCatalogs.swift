import Database
import FoundationEssentials
import JSON
import Ledger
import Values

/// What catalogs charged that were replaced: a hold that was made under one is settled by its
/// prices, whatever the catalog says later.
enum FormerCatalogs {
    /// Keeps what the stored catalog charges, before another takes its place. The tables' first
    /// catalog replaces none.
    static func keep(
        _ stored: CatalogTables.Stored, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        guard !stored.plans.isEmpty else { return }
        let features = stored.features.sorted { $0.featureKey < $1.featureKey }
        let multipliers = stored.plans.sorted { $0.id.text < $1.id.text }
            .map { (key: $0.id.text, value: JSONValue.string($0.pricing.multiplier.decimal)) }
        try connection.execute(
            """
            INSERT INTO former_catalogs (revision, features, multipliers, replaced_at)
            SELECT catalog_revision, ?, ?, ? FROM installation WHERE id = 1
            """,
            [
                .text(JSONValue.array(features.map(CatalogText.feature)).compactText),
                .text(JSONValue.object(JSONObject(multipliers)).compactText), .time(now),
            ])
    }

    /// `nil` for a number that no replaced catalog had.
    static func terms(
        revision: Int64, in connection: any DatabaseConnection
    ) throws -> CatalogTerms? {
        let rows = try connection.query(
            "SELECT features, multipliers FROM former_catalogs WHERE revision = ?",
            [.integer(revision)])
        guard let row = rows.first else { return nil }
        var reader = row.reader
        let features = try (JSONValue.parse(reader.text()).array ?? []).map(CatalogText.feature)
        var multipliers: [UUID: Multiplier] = [:]
        for (id, value) in try JSONValue.parse(reader.text()).object?.members ?? [] {
            guard let id = UUID(uuidString: id),
                let multiplier = value.string.flatMap({ Multiplier(decimal: $0) })
            else { throw DatabaseError.decoding("former_catalogs.multipliers has a flaw") }
            multipliers[id] = multiplier
        }
        return CatalogTerms(
            revision: revision, features: features, multipliers: multipliers)
    }
}
