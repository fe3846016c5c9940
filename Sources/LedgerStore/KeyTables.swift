import Database
import FoundationEssentials
import Ledger
import Values

/// Loads the API keys that calls were made with, and keeps what limited keys have spent, in
/// `api_key_spending`. A key costs no trip of its own; only a limit, a raise, and a commit that may
/// charge more than is held ask once more.
enum KeyTables {
    /// - Parameters:
    ///   - found: what was found of each hash.
    ///   - standing: what was found of each account.
    static func load(
        _ needs: LedgerNeeds, _ source: LedgerSource, _ found: Zip2Sequence<[KeyHash], [[Row]]>,
        _ standing: Zip2Sequence<[UUID], [[Row]]>,
        _ entries: [UUID: LedgerBatch.Entry], _ logs: [LoadedLog],
        from connection: any DatabaseConnection, now: Timestamp
    ) throws -> LoadedKeys {
        guard source.keys != nil else { return LoadedKeys() }
        var barriers: [UUID: KeyOfCall.Barrier] = [:]
        for (account, rows) in standing {
            if let row = rows.first { barriers[account] = try barrier(row) }
        }
        var byHash: [KeyHash: KeyOfCall] = [:]
        for (hash, rows) in found {
            if let row = rows.first { byHash[hash] = try key(row, barriers) }
        }
        var byID: [UUID: KeyOfCall] = [:]
        let callers = logs.map(\.log).filter { log in
            let decided = entries[log.key.userID]?.account?.context.decidedAt ?? now
            return needs.keyedLogs[log.id, default: []].contains {
                $0.isNeeded(of: log, at: max(now, decided))
            }
        }.compactMap(\.caller)
        if let queries = source.keys, !callers.isEmpty {
            let ids = Set(callers.map(\.keyID)).sorted()
            let rows = try connection.queryBatches([
                StatementBatch(queries.byID, ids.map { [.uuid($0)] })
            ])
            for (id, rows) in zip(ids, rows[0]) {
                if let row = rows.first { byID[id] = try key(row, barriers) }
            }
        }
        let limited = (Array(byHash.values) + Array(byID.values)).filter { $0.creditLimit != nil }
        return LoadedKeys(
            byHash: byHash, byID: byID,
            spendings: try spendings(of: limited, entries, from: connection))
    }

    private static func barrier(_ row: Row) throws -> KeyOfCall.Barrier? {
        var reader = row.reader
        let (isFrozen, isSuspended) = (try reader.bool(), try reader.bool())
        return isSuspended ? .suspended : isFrozen ? .frozen : nil
    }

    private static func key(
        _ row: Row, _ barriers: [UUID: KeyOfCall.Barrier]
    ) throws -> KeyOfCall {
        var reader = row.reader
        let (id, account) = (try reader.uuid(), try reader.uuid())
        let caller = try KeyedCaller(
            keyID: id, familyID: reader.uuid(), isTest: reader.bool())
        let isRevoked = try reader.bool()
        let (end, limit) = (try reader.optionalTime(), try reader.optionalCredits())
        return KeyOfCall(
            caller: caller, accountID: account, isRevoked: isRevoked, expiresAt: end,
            creditLimit: limit, barrier: barriers[account])
    }

    /// What families of keys with a limit have spent of their accounts' running periods: as it is
    /// kept, or the sum of their logs if nothing is kept of this period.
    private static func spendings(
        of keys: [KeyOfCall], _ entries: [UUID: LedgerBatch.Entry],
        from connection: any DatabaseConnection
    ) throws -> [UUID: KeySpending] {
        let accounts = Dictionary(
            keys.map { ($0.caller.familyID, $0.accountID) }, uniquingKeysWith: { first, _ in first }
        )
        var spendings: [UUID: KeySpending] = [:]
        // What counts for an account that is not locked by this batch is not decided on.
        let families = accounts.filter { entries[$0.value]?.account != nil }.keys.sorted()
        guard !families.isEmpty else { return spendings }
        let kept = try connection.queryBatches([
            StatementBatch(select, families.map { [.uuid($0)] })
        ])[0]
        for (family, rows) in zip(families, kept) {
            guard let account = accounts[family],
                let period = entries[account]?.account?.context.period
            else { continue }
            let known = try rows.first.map { try read($0) }
            spendings[family] =
                known?.periodNumber == period.number
                ? known : try sum(of: family, account, period, from: connection)
        }
        return spendings
    }

    private static let select = """
        SELECT account_id, period_number, used, held FROM api_key_spending WHERE family_id = ?
        """

    private static func read(_ row: Row) throws -> KeySpending {
        var reader = row.reader
        return try KeySpending(
            accountID: reader.uuid(), periodNumber: reader.count(), used: reader.credits(),
            held: reader.credits())
    }

    /// Ids are in the order of time, so that the index of an account's ids finds the period. A log
    /// of the period is not older than its start, nor older than the first key of the family, whose
    /// id the family's is: of a new key there is nothing to read.
    private static func sum(
        of family: UUID, _ account: UUID, _ period: BillingPeriod,
        from connection: any DatabaseConnection
    ) throws -> KeySpending {
        let made = family.version7Instant?.adding(seconds: -RateWindow.maximumSkew)
        let first = max(period.start, made ?? .epoch)
        let row = try connection.query(
            """
            SELECT CAST(coalesce(sum(coalesce(credits_charged, credits_captured)), 0) AS BIGINT),
                CAST(coalesce(sum(CASE WHEN status = 'PENDING'
                    THEN \(UsageLogRow.held("l")) ELSE 0 END), 0) AS BIGINT)
            FROM api_usage_logs l
            WHERE workspace_id = ? AND id >= ? AND key_family_id = ? AND period_number = ?
            """,
            [
                .uuid(account), .uuid(.version7(at: first, randomness: 0)), .uuid(family),
                .integer(period.number),
            ])[0]
        var reader = row.reader
        return try KeySpending(
            accountID: account, periodNumber: period.number, used: reader.credits(),
            held: reader.credits(), isKept: false)
    }

    /// Writes what limited families have spent, and moves what is kept of others by what their logs
    /// moved: their account is locked, so that nobody else moves it meanwhile.
    static func write(
        _ batch: LedgerBatch, over loaded: LedgerBatch, to connection: any DatabaseConnection
    ) throws {
        let kept = batch.keySpendings.compactMap { family, spending -> [SQLValue]? in
            guard !spending.isKept || spending != loaded.keySpendings[family] else { return nil }
            return [
                .uuid(family), .uuid(spending.accountID), .integer(spending.periodNumber),
                .credits(spending.used), .credits(spending.held),
            ]
        }
        if !kept.isEmpty { try connection.enqueueMany(upsert, kept) }
        let moved = moves(batch, over: loaded)
        if !moved.isEmpty { try connection.enqueueMany(move, moved) }
    }

    private static let upsert = """
        INSERT INTO api_key_spending (family_id, account_id, period_number, used, held)
        VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (family_id) DO UPDATE SET period_number = excluded.period_number,
            used = excluded.used, held = excluded.held
        """

    private static let move = """
        UPDATE api_key_spending SET used = used + ?, held = held + ?
        WHERE family_id = ? AND period_number = ?
        """

    private struct FamilyPeriod: Hashable {
        let family: UUID
        let period: Int64
    }

    private static func moves(_ batch: LedgerBatch, over loaded: LedgerBatch) -> [[SQLValue]] {
        var moves: [FamilyPeriod: (used: Credits, held: Credits)] = [:]
        for id in batch.changedLogs.union(batch.insertedLogs) {
            guard let log = batch.logs[id], let caller = log.caller, !caller.isTest,
                batch.keySpendings[caller.familyID] == nil
            else { continue }
            let was = loaded.logs[id]
            let place = FamilyPeriod(family: caller.familyID, period: log.periodNumber)
            var move = moves[place] ?? (.zero, .zero)
            move.used += (log.creditsCharged ?? .zero) - (was?.creditsCharged ?? .zero)
            move.held += log.creditsHeld - (was?.creditsHeld ?? .zero)
            moves[place] = move
        }
        return moves.compactMap { place, move in
            guard move.used != .zero || move.held != .zero else { return nil }
            return [
                .credits(move.used), .credits(move.held), .uuid(place.family),
                .integer(place.period),
            ]
        }
    }
}
