import Database
import FoundationEssentials
import JSON
import Values

/// A result of a successful call that is kept for its user: an analysis, as the tool server sent
/// it.
package struct AnalysisResult: Sendable {
    /// What all results of one user may take together, in bytes: 50 MiB.
    package static let budget: Int64 = 50 << 20
    /// What the data of one may take, in bytes: 256 KiB.
    static let maximumBytes = 256 << 10
    /// How deep it may be nested.
    static let maximumDepth = 20

    package let id: UUID
    package let usageID: UUID
    package let featureKey: String
    package let title: String
    /// JSON without white space.
    package let data: String
    package let createdAt: Timestamp

    package init(
        id: UUID, usageID: UUID, featureKey: String, title: String, data: String,
        createdAt: Timestamp
    ) {
        self.id = id
        self.usageID = usageID
        self.featureKey = featureKey
        self.title = title
        self.data = data
        self.createdAt = createdAt
    }

    /// What it counts of the budget, in bytes.
    var bytes: Int64 { Int64(title.utf8.count + data.utf8.count) }

    /// What the tool server sent.
    package struct Content: Sendable, Equatable {
        package let title: String
        package let data: JSONValue
    }
}

/// What a list shows of a result.
package struct AnalysisResultTitle: Sendable {
    package let id: UUID
    package let title: String
    package let featureKey: String
    package let createdAt: Timestamp
}

/// The tables `career_analysis_results` and `career_analysis_totals`: the results, and how many
/// bytes each user's take.
package enum AnalysisResultRow {
    /// A page of results is cut after so many bytes, in bytes.
    static let pageBytes: Int64 = 1 << 20

    private static let columns = "id, usage_id, feature_key, title, data, created_at, bytes"

    /// Keeps a call's result, unless it has one already or the user's budget does not allow it.
    /// The account must be locked: a user's results are counted one after the other.
    package static func keep(
        _ result: AnalysisResult, of user: UUID, in connection: any DatabaseConnection
    ) throws {
        guard try !isKept(result.usageID, in: connection) else { return }
        let bytes = SQLValue.integer(result.bytes)
        let counted = try connection.execute(
            """
            INSERT INTO career_analysis_totals (user_id, bytes) VALUES (?, ?)
            ON CONFLICT (user_id) DO UPDATE
            SET bytes = career_analysis_totals.bytes + excluded.bytes
            WHERE career_analysis_totals.bytes + excluded.bytes <= ?
            """, [.uuid(user), bytes, .integer(AnalysisResult.budget)])
        guard counted == 1 else { return }
        try connection.execute(
            """
            INSERT INTO career_analysis_results (user_id, \(columns))
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .uuid(user), .uuid(result.id), .uuid(result.usageID), .text(result.featureKey),
                .text(result.title), .text(result.data),
                .time(result.createdAt), bytes,
            ])
    }

    /// Whether a call has a result.
    package static func isKept(
        _ usageID: UUID, in connection: any DatabaseConnection
    ) throws -> Bool {
        try connection.queryOne(
            "SELECT 1 FROM career_analysis_results WHERE usage_id = ?", [.uuid(usageID)]) != nil
    }

    package static func find(
        _ id: UUID, of user: UUID, in connection: any DatabaseConnection
    ) throws -> AnalysisResult? {
        try connection.queryOne(
            "SELECT \(columns) FROM career_analysis_results WHERE id = ? AND user_id = ?",
            [.uuid(id), .uuid(user)]
        ).map { try read($0).result }
    }

    /// A user's results, newest first: as many as a page may have, and whether more follow.
    ///
    /// - Parameters:
    ///   - before: only results older than this one.
    ///   - limit: at most so many; fewer if they take more than ``pageBytes``.
    package static func page(
        of user: UUID, before: UUID?, featureKey: String? = nil, limit: Int64,
        in connection: any DatabaseConnection
    ) throws -> (results: [AnalysisResult], hasMore: Bool) {
        var conditions = "user_id = ?"
        var arguments: [SQLValue] = [.uuid(user)]
        if let before {
            conditions += " AND id < ?"
            arguments.append(.uuid(before))
        }
        if let featureKey {
            conditions += " AND feature_key = ?"
            arguments.append(.text(featureKey))
        }
        // The sizes first: what is not told is not read either.
        let sizes = try connection.query(
            """
            SELECT id, bytes FROM career_analysis_results WHERE \(conditions)
            ORDER BY id DESC LIMIT ?
            """, arguments + [.integer(limit + 1)])
        var (last, total, count): (UUID?, Int64, Int64) = (nil, 0, 0)
        for row in sizes.prefix(Int(limit)) {
            var reader = row.reader
            let id = try reader.uuid()
            total += try reader.integer()
            if total > pageBytes && last != nil { break }
            (last, count) = (id, count + 1)
        }
        guard let last else { return ([], false) }
        let results = try connection.query(
            """
            SELECT \(columns) FROM career_analysis_results WHERE \(conditions) AND id >= ?
            ORDER BY id DESC
            """, arguments + [.uuid(last)]
        ).map { try read($0).result }
        return (results, Int64(sizes.count) > count)
    }

    /// A user's results without their data, newest first.
    package static func titles(
        of user: UUID, before: UUID?, limit: Int64, in connection: any DatabaseConnection
    ) throws -> [AnalysisResultTitle] {
        try connection.query(
            """
            SELECT id, title, feature_key, created_at FROM career_analysis_results
            WHERE user_id = ?\(before == nil ? "" : " AND id < ?") ORDER BY id DESC LIMIT ?
            """,
            [.uuid(user)] + (before.map { [.uuid($0)] } ?? []) + [.integer(limit)]
        ).map { row in
            var reader = row.reader
            return try AnalysisResultTitle(
                id: reader.uuid(), title: reader.text(), featureKey: reader.text(),
                createdAt: reader.time())
        }
    }

    /// - Returns: whether there was such a result of the user's.
    static func delete(
        _ id: UUID, of user: UUID, in connection: any DatabaseConnection
    ) throws -> Bool {
        let row = try connection.queryOne(
            """
            DELETE FROM career_analysis_results WHERE id = ? AND user_id = ?
            RETURNING \(columns)
            """, [.uuid(id), .uuid(user)])
        guard let row else { return false }
        try connection.execute(
            "UPDATE career_analysis_totals SET bytes = bytes - ? WHERE user_id = ?",
            [.integer(read(row).bytes), .uuid(user)])
        return true
    }

    private static func read(_ row: Row) throws -> (result: AnalysisResult, bytes: Int64) {
        var reader = row.reader
        let result = try AnalysisResult(
            id: reader.uuid(), usageID: reader.uuid(), featureKey: reader.text(),
            title: reader.text(), data: reader.text(), createdAt: reader.time())
        return try (result, reader.integer())
    }
}
