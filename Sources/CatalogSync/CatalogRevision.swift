import Database
import FoundationEssentials
import JSON
import Values

/// A catalog's file as it was synced or published, under the number of the catalog in force since.
public struct CatalogRevision: Sendable {
    /// How it came about.
    public struct Origin: Sendable, Equatable {
        /// Whether it was made in the console, so that no older file may replace it unasked.
        package let isPublished: Bool
        /// An operator's address, or the command.
        package let madeBy: String
        package let reason: String?

        public static let command = Origin(
            isPublished: false, madeBy: "cuebx catalog sync", reason: nil)
        static let firstStart = Origin(isPublished: false, madeBy: "the first start", reason: nil)

        package static func published(by actor: String, reason: String) -> Origin {
            Origin(isPublished: true, madeBy: actor, reason: reason)
        }
    }

    package let number: Int64
    /// The file as it was given.
    package let text: String
    package let origin: Origin
    package let createdAt: Timestamp

    /// The file to edit next: it says which revision it was taken from.
    package var file: String {
        do {
            guard var object = try JSONValue.parse(Array(text.utf8)).object else { return text }
            object["revision"] = .int(number)
            return JSONValue.object(object).prettyText + "\n"
        } catch {
            // It was JSON when it was stored; what is there is shown.
            return text
        }
    }

    private static let columns = "revision, file, is_published, made_by, reason, created_at"

    package static func latest(
        in connection: any DatabaseConnection
    ) throws -> CatalogRevision? {
        try page(before: nil, limit: 1, in: connection).first
    }

    static func latestPublished(
        in connection: any DatabaseConnection
    ) throws -> CatalogRevision? {
        try connection.queryOne(
            """
            SELECT \(columns) FROM catalog_revisions WHERE is_published = 1
            ORDER BY revision DESC LIMIT 1
            """
        ).map(read)
    }

    package static func find(
        _ number: Int64, in connection: any DatabaseConnection
    ) throws -> CatalogRevision? {
        try connection.queryOne(
            "SELECT \(columns) FROM catalog_revisions WHERE revision = ?", [.integer(number)]
        ).map(read)
    }

    /// The newest first.
    ///
    /// - Parameter number: of the last one of the page before.
    package static func page(
        before number: Int64?, limit: Int, in connection: any DatabaseConnection
    ) throws -> [CatalogRevision] {
        try connection.query(
            """
            SELECT \(columns) FROM catalog_revisions
            \(number == nil ? "" : "WHERE revision < ?") ORDER BY revision DESC LIMIT \(limit)
            """, number.map { [.integer($0)] } ?? []
        ).map(read)
    }

    func insert(in connection: any DatabaseConnection) throws {
        try connection.execute(
            """
            INSERT INTO catalog_revisions (\(Self.columns)) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (revision) DO NOTHING
            """,
            [
                .integer(number), .text(text), .bool(origin.isPublished), .text(origin.madeBy),
                .text(origin.reason), .time(createdAt),
            ])
    }

    private static func read(_ row: Row) throws -> CatalogRevision {
        var reader = row.reader
        return try CatalogRevision(
            number: reader.integer(), text: reader.text(),
            origin: Origin(
                isPublished: reader.bool(), madeBy: reader.text(), reason: reader.optionalText()),
            createdAt: reader.time())
    }
}

/// What an operator was about to publish when they last looked.
package enum CatalogDraft {
    package static func find(
        of operatorID: UUID, in connection: any DatabaseConnection
    ) throws -> String? {
        let row = try connection.queryOne(
            "SELECT file FROM catalog_drafts WHERE operator_id = ?", [.uuid(operatorID)])
        guard var reader = row?.reader else { return nil }
        return try reader.text()
    }

    package static func keep(
        _ text: String, of operatorID: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try connection.execute(
            """
            INSERT INTO catalog_drafts (operator_id, file, updated_at) VALUES (?, ?, ?)
            ON CONFLICT (operator_id) DO UPDATE SET file = excluded.file,
                updated_at = excluded.updated_at
            """, [.uuid(operatorID), .text(text), .time(now)])
    }

    package static func forget(
        of operatorID: UUID, in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            "DELETE FROM catalog_drafts WHERE operator_id = ?", [.uuid(operatorID)])
    }
}
