import Database
import FoundationEssentials
import Ledger
import Values

/// What a batch of commands found.
struct LoadedLedger {
    let batch: LedgerBatch
    /// Of the catalog, by which the batch is to be decided.
    let catalogRevision: Int64
}

/// Loads what a batch of commands touches and writes what was decided: the ledger's only SQL on
/// its hot path. A batch costs at most twenty queries and sixteen statements, each run once for
/// all of its rows, and two statements for each new account; with a server, they take two trips,
/// and one more for each of four cases: something may be overdue, a user has no account, an
/// account has grants beside its pool, a call has a parent that no command names.
enum LedgerTables {
    /// Overdue reservations that one batch takes up for one user; the sweeper comes again.
    static let maximumOverduePerUser = 500

    static func load(
        _ needs: LedgerNeeds, of source: LedgerSource, from connection: any DatabaseConnection,
        now: Timestamp, isSnapshot: Bool = false
    ) throws -> LoadedLedger {
        let t = source.tables
        let users = needs.users.sorted()
        let subjects = SubjectQueries(needs.subjects, of: t)
        let grants = Array(needs.grants)
        let lines = needs.lines.sorted()
        let tokens = needs.tokens.sorted()
        let steps = needs.steps.map { (key: $0.key, user: $0.value) }
        let families = needs.families.sorted()
        let lock = isSnapshot ? "" : connection.dialect.lockRows
        // One trip to a server. The accounts come first: to lock a row is to read its latest
        // version, and what is read by a later statement is what its holder has written.
        var asked = [
            AccountRow.select(users, of: t, lock: lock),
            AccountRow.selectSubscriptions(needs.subscriptions.sorted(), of: t),
            subjects.byKey, subjects.byID, CreditGrantRow.select(grants, of: t),
            StatementBatch(CatalogStore.selectRevision, [[]]),
            CreditGrantRow.selectLatest(lines, at: now, of: t), FencingTable.select(tokens),
            HoldStepRow.select(steps, of: t), FamilyRows.select(families, of: t),
        ]
        let hashes = needs.keyHashes.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
        let keyed = needs.keyedAccounts.sorted()
        asked += source.selectKeys(hashes, keyed)
        let found = try connection.queryBatches(asked)
        var entries = try AccountRow.entries(
            of: users, found[0], needs.subscriptions.sorted(), found[1], t)
        let strangers = users.filter { entries[$0] == nil }
        if !strangers.isEmpty {
            let late = try AccountRow.entriesWithoutAccount(
                of: strangers, source, lock: lock, from: connection)
            entries.merge(late) { _, new in new }
        }
        for (user, rows) in zip(lines, found[6]) {
            entries[user]?.grants = try rows.map(CreditGrantRow.read)
        }
        try SpendingRow.find(of: needs, t, into: &entries, from: connection)
        var logs = try (found[2] + found[3] + found[9]).flatMap {
            try $0.map { try UsageLogRow.load($0, t) }
        }
        let relatives = FamilyRows.users(of: logs)
        try OverdueHolds.find(
            of: users,
            all: relatives.isEmpty ? needs.overdue : needs.overdue.union(relatives),
            t, into: &entries, &logs, from: connection, now: now)
        try FamilyRows.addParents(to: &logs, t, from: connection)
        try GrantTables.load(needs, t, into: &entries, &logs, from: connection, now: now)
        let keys = try KeyTables.load(
            needs, source, zip(hashes, t.hasKeys ? found[10] : []),
            zip(keyed, t.hasKeys ? found[11] : []), entries, logs, from: connection, now: now)
        let known = zip(grants, found[4]).filter { !$0.1.isEmpty }.map(\.0)
        guard var installation = found[5].first?.first?.reader else {
            throw DatabaseError.decoding("the database belongs to no installation")
        }
        return LoadedLedger(
            batch: LedgerBatch(
                entries: entries, logs: logs.map(\.log), knownGrants: Set(known),
                counters: try FencingTable.read(tokens, found[7]),
                steps: try found[8].flatMap { try $0.map(HoldStepRow.read) },
                families: try families.isEmpty ? [:] : FamilyRows.read(families, found[9], t),
                keys: keys),
            catalogRevision: try installation.integer())
    }

    /// Finds the logs that commands name. Whether a call is a test its key says, which is found
    /// with them: of a test and a call of one name both are loaded.
    private struct SubjectQueries {
        let byKey: StatementBatch
        let byID: StatementBatch

        init(_ subjects: Set<LedgerSubject>, of t: ProductTables) {
            var keys: [[SQLValue]] = []
            var ids: [[SQLValue]] = []
            for subject in subjects {
                switch subject {
                case .key(let key):
                    keys.append([.uuid(key.userID), .text(key.requestID), .text(key.payloadHash)])
                case .id(let id): ids.append([.uuid(id)])
                }
            }
            byKey = StatementBatch(Self.selectByKey[t], keys)
            byID = StatementBatch(UsageLogRow.selectByID[t], ids)
        }

        private static let selectByKey = ProductSQL { t in
            """
            SELECT \(UsageLogRow.columns(t)) FROM \(t.logs)
            WHERE \(t.holder) = ? AND request_id = ? AND payload_hash = ?
            """
        }
    }
}
