import Database
import FoundationEssentials
import Ledger
import Values

/// Finds reservations that are overdue. Most batches ask nothing: before `earliest_expiry`, which
/// the account's own row has, none can be.
enum OverdueHolds {
    /// What is overdue is judged at the instant of the decisions to come, which is the account's
    /// last one if the clock is behind that. Where it was looked, the account's bound is the end of
    /// the first hold there is; it is written with the account's next change.
    ///
    /// - Parameter all: users of whom those of earlier periods are wanted too. Who holds nothing of
    ///   the running period has none that is overdue, unless limits count those of all periods.
    static func find(
        of users: [UUID], all: Set<UUID>, _ t: ProductTables,
        into entries: inout [UUID: LedgerBatch.Entry],
        _ logs: inout [LoadedLog], from connection: any DatabaseConnection, now: Timestamp
    ) throws {
        var asked: [[SQLValue]] = []
        let holders = users.filter { user in
            guard let context = entries[user]?.account?.context,
                let first = context.earliestExpiry
            else { return false }
            let instant = max(now, context.decidedAt)
            guard first <= instant, context.mayHold || all.contains(user) else { return false }
            asked.append([.uuid(user), .time(instant)])
            return true
        }
        guard !holders.isEmpty else { return }
        let found = try connection.queryBatches([
            StatementBatch(overdue[t], asked), StatementBatch(nextEnd[t], asked),
        ])
        for (index, user) in holders.enumerated() {
            let loaded = try found[0][index].map { try UsageLogRow.load($0, t) }
            let overdue = loaded.map(\.log)
            logs += loaded
            var next = found[1][index].first?.reader
            let isCut = overdue.count == LedgerTables.maximumOverduePerUser
            let later = isCut ? overdue.last?.expiresAt : try next?.time()
            entries[user]?.overdue = overdue.map(\.id)
            entries[user]?.laterExpiry = later
            entries[user]?.account?.keepEarliestExpiry(overdue.first?.expiresAt ?? later)
        }
    }

    /// Users with something overdue at `now` and since when, at most so many, in the order of their
    /// ids, after one.
    static func users(
        _ t: ProductTables, at now: Timestamp, after last: UUID?, limit: Int,
        in connection: any DatabaseConnection
    ) throws -> [(user: UUID, since: Timestamp)] {
        try connection.query(
            """
            SELECT \(t.holder), min(expires_at) FROM \(t.logs)
            WHERE status = 'PENDING' AND expires_at <= ? AND commit_accepted_at IS NULL
                \(last == nil ? "" : "AND \(t.holder) > ?")
            GROUP BY \(t.holder) ORDER BY \(t.holder) LIMIT ?
            """, [.time(now)] + (last.map { [.uuid($0)] } ?? []) + [.integer(Int64(limit))]
        ).map { row in
            var reader = row.reader
            return (user: try reader.uuid(), since: try reader.time())
        }
    }

    private static let overdue = ProductSQL { t in
        """
        SELECT \(UsageLogRow.columns(t)) FROM \(t.logs)
        WHERE \(t.holder) = ? AND status = 'PENDING' AND expires_at <= ?
            AND commit_accepted_at IS NULL
        ORDER BY expires_at LIMIT \(LedgerTables.maximumOverduePerUser)
        """
    }

    private static let nextEnd = ProductSQL { t in
        """
        SELECT expires_at FROM \(t.logs)
        WHERE \(t.holder) = ? AND status = 'PENDING' AND expires_at > ?
            AND commit_accepted_at IS NULL
        ORDER BY expires_at LIMIT 1
        """
    }
}
