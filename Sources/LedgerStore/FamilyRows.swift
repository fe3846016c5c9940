import Database
import FoundationEssentials
import Ledger

/// Loads the calls that lend to those that a batch is about, and those that run below them: nothing
/// for calls that have neither a parent nor children.
enum FamilyRows {
    /// Running calls that one cancellation ends; the next one ends more.
    static let maximumRunning = 5000

    /// Those that run below each of these, at any depth and also below one that has ended.
    static func select(_ ids: [UUID], of t: ProductTables) -> StatementBatch {
        StatementBatch(below[t], ids.map { [.uuid($0)] })
    }

    private static let below = ProductSQL { t in
        """
        WITH RECURSIVE family (id) AS (
            SELECT id FROM \(t.logs) WHERE parent_usage_id = ?
            UNION
            SELECT l.id FROM \(t.logs) l JOIN family f ON l.parent_usage_id = f.id
        )
        SELECT \(UsageLogRow.columns(t)) FROM \(t.logs)
        WHERE id IN (SELECT id FROM family) AND status = 'PENDING'
        ORDER BY id LIMIT \(maximumRunning)
        """
    }

    /// The ids of what ``select(_:of:)`` found, by the calls that it was asked of.
    static func read(
        _ ids: [UUID], _ found: [[Row]], _ t: ProductTables
    ) throws -> [UUID: Set<UUID>] {
        Dictionary(
            try zip(ids, found).map { id, rows in
                (id, Set(try rows.map { try UsageLogRow.read($0, t).id }))
            }, uniquingKeysWith: { first, _ in first })
    }

    /// Users of whom a call that a batch names has a parent or children: what lapsed of its family
    /// moves what it holds, whichever period it is of.
    static func users(of logs: [LoadedLog]) -> Set<UUID> {
        var users: Set<UUID> = []
        for loaded in logs where loaded.log.parentID != nil || loaded.log.creditsLent > .zero {
            users.insert(loaded.log.key.userID)
        }
        return users
    }

    /// Adds the parents of the logs, and what runs above those, which may lapse with them: one
    /// query, and only if some have a parent that is not among them.
    static func addParents(
        to logs: inout [LoadedLog], _ t: ProductTables, from connection: any DatabaseConnection
    ) throws {
        let parents = Set(logs.compactMap(\.log.parentID))
        guard !parents.isEmpty else { return }
        let missing = parents.subtracting(logs.map(\.log.id)).sorted()
        guard !missing.isEmpty else { return }
        let found = try connection.queryBatches([
            StatementBatch(above[t], missing.map { [.uuid($0)] })
        ])
        var known = Set(logs.map(\.log.id))
        for loaded in try found[0].flatMap({ try $0.map { try UsageLogRow.load($0, t) } })
        where known.insert(loaded.log.id).inserted {
            logs.append(loaded)
        }
    }

    /// A call and all above it, up to the first that has ended.
    private static let above = ProductSQL { t in
        """
        WITH RECURSIVE above (id, parent_id, status) AS (
            SELECT id, parent_usage_id, status FROM \(t.logs) WHERE id = ?
            UNION
            SELECT l.id, l.parent_usage_id, l.status
            FROM above a JOIN \(t.logs) l ON l.id = a.parent_id
            WHERE a.status = 'PENDING'
        )
        SELECT \(UsageLogRow.columns(t)) FROM \(t.logs) WHERE id IN (SELECT id FROM above)
        """
    }
}
