import Database
import FoundationEssentials
import Ledger
import Values

/// How grants beside the pool lie in their table, `standalone_grants`.
package enum StandaloneGrantRow {
    private static let made = """
        id, account_id, source, amount, priority, effective_at, expires_at, is_paid, cause, \
        reason, actor, created_at
        """
    private static let moving =
        "remaining, held, captured, expired, taken_back, take_back_total, is_frozen, room"

    /// Those of each account that are open.
    static func selectOpen(_ users: [UUID], of t: ProductTables) -> StatementBatch {
        StatementBatch(open[t], users.map { [.uuid($0)] })
    }

    /// Those of these causes, open or not.
    static func select(
        _ causes: [(user: UUID, cause: String)], of t: ProductTables
    ) -> StatementBatch {
        StatementBatch(
            ofCause[t],
            causes.map { [.uuid($0.user), .text($0.cause)] })
    }

    /// What periods of each account left over and has not ended, open or not: what was taken back
    /// of it may be given back.
    static func selectRollovers(
        _ users: [UUID], at now: Timestamp, of t: ProductTables
    ) -> StatementBatch {
        StatementBatch(rollovers[t], users.map { [.uuid($0), .time(now)] })
    }

    private static let open = ProductSQL { t in
        """
        SELECT \(made), \(moving) FROM \(t.grants)
        WHERE account_id = ? AND (remaining > 0 OR held > 0) ORDER BY id
        """
    }
    private static let ofCause = ProductSQL { t in
        "SELECT \(made), \(moving) FROM \(t.grants) WHERE account_id = ? AND cause = ?"
    }
    private static let rollovers = ProductSQL { t in
        """
        SELECT \(made), \(moving) FROM \(t.grants)
        WHERE account_id = ? AND source = 'rollover' AND expires_at > ? ORDER BY id
        """
    }
    private static let insert = ProductSQL { t in
        let marks = Array(repeating: "?", count: 20).joined(separator: ", ")
        return "INSERT INTO \(t.grants) (\(made), \(moving)) VALUES (\(marks))"
    }
    private static let move = ProductSQL { t in
        """
        UPDATE \(t.grants) SET remaining = ?, held = ?, captured = ?, expired = ?,
            taken_back = ?, take_back_total = ?, is_frozen = ?, room = ?, amount = ?
        WHERE id = ?
        """
    }

    /// One of an account's; `nil` if it has no such.
    package static func find(
        _ id: UUID, of user: UUID, _ t: ProductTables = .of(.career),
        in connection: any DatabaseConnection
    ) throws -> StandaloneGrant? {
        try connection.queryOne(
            "SELECT \(made), \(moving) FROM \(t.grants) WHERE id = ? AND account_id = ?",
            [.uuid(id), .uuid(user)]
        ).map(read)
    }

    /// A page of an account's grants, the newest first. Ids are in the order of time, so that they
    /// are both the order and the key of a page (keyset pagination).
    package static func page(
        of user: UUID, before id: UUID?, limit: Int64, _ t: ProductTables = .of(.career),
        in connection: any DatabaseConnection
    ) throws -> [StandaloneGrant] {
        try connection.query(
            """
            SELECT \(made), \(moving) FROM \(t.grants)
            WHERE account_id = ? \(id == nil ? "" : "AND id < ?") ORDER BY id DESC LIMIT ?
            """, [.uuid(user)] + (id.map { [.uuid($0)] } ?? []) + [.integer(limit)]
        ).map(read)
    }

    /// Accounts with something left of a grant that has ended by `now`, at most so many, in the
    /// order of their ids, after one.
    static func accountsToEnd(
        _ t: ProductTables, at now: Timestamp, after last: UUID?, limit: Int,
        in connection: any DatabaseConnection
    ) throws -> [UUID] {
        try connection.query(
            """
            SELECT account_id FROM \(t.grants)
            WHERE remaining > 0 AND expires_at IS NOT NULL AND expires_at <= ?
                \(last == nil ? "" : "AND account_id > ?")
            GROUP BY account_id ORDER BY account_id LIMIT ?
            """, [.time(now)] + (last.map { [.uuid($0)] } ?? []) + [.integer(Int64(limit))]
        ).map { row in
            var reader = row.reader
            return try reader.uuid()
        }
    }

    static func read(_ row: Row) throws -> StandaloneGrant {
        var reader = row.reader
        let made = try StandaloneGrant(
            id: reader.uuid(), userID: reader.uuid(),
            source: reader.oneOf(StandaloneGrant.Source.self), amount: reader.credits(),
            priority: reader.integer(in: StandaloneGrant.priorities), effectiveAt: reader.time(),
            expiresAt: reader.optionalTime(), isPaid: reader.bool(), cause: reader.text(),
            reason: reader.optionalText(), actor: reader.optionalText(),
            createdAt: reader.time())
        return try StandaloneGrant(
            made, remaining: reader.credits(), held: reader.credits(),
            captured: reader.credits(), expired: reader.credits(), takenBack: reader.credits(),
            takeBackTotal: reader.credits(), isFrozen: reader.bool(), room: reader.credits())
    }

    /// Writes what is new of the accounts' grants, and what has changed.
    static func write(
        _ batch: LedgerBatch, over loaded: LedgerBatch, of t: ProductTables,
        to connection: any DatabaseConnection
    ) throws {
        var new: [[SQLValue]] = []
        var changed: [[SQLValue]] = []
        for (user, entry) in batch.entries {
            let before = loaded.entries[user]?.account?.grants ?? []
            for grant in entry.account?.grants ?? [] {
                guard let was = before.first(where: { $0.id == grant.id }) else {
                    new.append(origin(grant) + position(grant))
                    continue
                }
                if was != grant {
                    changed.append(position(grant) + [.credits(grant.amount), .uuid(grant.id)])
                }
            }
        }
        if !new.isEmpty { try connection.enqueueMany(insert[t], new) }
        if !changed.isEmpty { try connection.enqueueMany(move[t], changed) }
    }

    private static func origin(_ grant: StandaloneGrant) -> [SQLValue] {
        [
            .uuid(grant.id), .uuid(grant.userID), .text(grant.source.rawValue),
            .credits(grant.amount), .integer(grant.priority), .time(grant.effectiveAt),
            .time(grant.expiresAt), .bool(grant.isPaid), .text(grant.cause),
            .text(grant.reason), .text(grant.actor), .time(grant.createdAt),
        ]
    }

    private static func position(_ grant: StandaloneGrant) -> [SQLValue] {
        [
            .credits(grant.remaining), .credits(grant.held), .credits(grant.captured),
            .credits(grant.expired), .credits(grant.takenBack), .credits(grant.takeBackTotal),
            .bool(grant.isFrozen), .credits(grant.room),
        ]
    }
}

/// How the draws of a call lie in their table, `usage_draws`.
enum DrawRow {
    private static let selectAll = ProductSQL { t in
        """
        SELECT grant_id, period_number, held, captured FROM \(t.draws)
        WHERE account_id = ? AND usage_id = ? ORDER BY position
        """
    }
    private static let upsert = ProductSQL { t in
        """
        INSERT INTO \(t.draws) (account_id, usage_id, position, grant_id, period_number, held,
            captured)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (account_id, usage_id, position) DO UPDATE SET
            held = excluded.held, captured = excluded.captured
        """
    }

    static func select(
        _ logs: [(user: UUID, usage: UUID)], of t: ProductTables
    ) -> StatementBatch {
        StatementBatch(selectAll[t], logs.map { [.uuid($0.user), .uuid($0.usage)] })
    }

    static func read(_ row: Row) throws -> Draw {
        var reader = row.reader
        let grant = try reader.optionalUUID()
        let period = try reader.optionalCount()
        return try Draw(
            source: grant.map { .grant($0) } ?? .pool(period: period ?? 0), held: reader.credits(),
            captured: reader.credits())
    }

    /// Writes the draws that are new or have moved.
    static func write(
        _ batch: LedgerBatch, over loaded: LedgerBatch, of t: ProductTables,
        to connection: any DatabaseConnection
    ) throws {
        var rows: [[SQLValue]] = []
        for id in batch.changedLogs.union(batch.insertedLogs) {
            guard let log = batch.logs[id], !log.draws.isEmpty else { continue }
            let before = loaded.logs[id]?.draws ?? []
            for (place, draw) in log.draws.enumerated()
            where place >= before.count || before[place] != draw {
                rows.append(row(draw, Int64(place), log))
            }
        }
        guard !rows.isEmpty else { return }
        try connection.enqueueMany(upsert[t], rows)
    }

    private static func row(_ draw: Draw, _ place: Int64, _ log: UsageLog) -> [SQLValue] {
        let source: [SQLValue] =
            switch draw.source {
            case .grant(let id): [.uuid(id), .null]
            case .pool(let period): [.null, .integer(period)]
            }
        return [.uuid(log.key.userID), .uuid(log.id), .integer(place)] + source
            + [.credits(draw.held), .credits(draw.captured)]
    }
}

/// Loads the grants beside the pool and what calls drew: nothing for accounts and logs that have
/// none.
enum GrantTables {
    static func load(
        _ needs: LedgerNeeds, _ t: ProductTables,
        into entries: inout [UUID: LedgerBatch.Entry],
        _ logs: inout [LoadedLog], from connection: any DatabaseConnection,
        now: Timestamp = .epoch
    ) throws {
        let holders = entries.filter { $0.value.account?.context.openGrants ?? 0 > 0 }
            .keys.sorted()
        let causes = needs.grantCauses.filter { entries[$0.user]?.account != nil }
        let drawn = logs.filter(\.hasDraws).map { (user: $0.log.key.userID, usage: $0.log.id) }
        let billed = needs.lines.filter { entries[$0]?.account != nil }.sorted()
        guard !holders.isEmpty || !causes.isEmpty || !drawn.isEmpty || !billed.isEmpty
        else { return }
        let found = try connection.queryBatches([
            StandaloneGrantRow.selectOpen(holders, of: t),
            StandaloneGrantRow.select(causes, of: t), DrawRow.select(drawn, of: t),
            StandaloneGrantRow.selectRollovers(billed, at: now, of: t),
        ])
        var grants: [UUID: [StandaloneGrant]] = [:]
        for row in (found[0] + found[1] + found[3]).joined() {
            let grant = try StandaloneGrantRow.read(row)
            if grants[grant.userID]?.contains(where: { $0.id == grant.id }) != true {
                grants[grant.userID, default: []].append(grant)
            }
        }
        for (user, grants) in grants {
            let account = entries[user]?.account?.with(grants: grants)
            entries[user]?.account = account
        }
        let draws = Dictionary(
            try zip(drawn, found[2]).map { ($0.usage, try $1.map(DrawRow.read)) },
            uniquingKeysWith: { first, _ in first })
        for index in logs.indices {
            if let draws = draws[logs[index].log.id] {
                logs[index].log = logs[index].log.with(draws: draws)
            }
        }
    }
}

/// A log as its row tells it.
struct LoadedLog {
    var log: UsageLog
    /// Whether what was drawn for it is to be loaded by itself.
    let hasDraws: Bool
}
