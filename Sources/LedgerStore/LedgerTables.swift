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
/// its hot path. A batch costs at most ten queries and eight statements, each run once for all of
/// its rows, and two statements for each new account; with a server, they take two trips, or four
/// where something is overdue.
enum LedgerTables {
    /// Overdue reservations that one batch takes up for one user; the sweeper comes again.
    static let maximumOverduePerUser = 500

    /// - Parameter isSnapshot: whether nothing is written after, so that nothing is locked.
    static func load(
        _ needs: LedgerNeeds, from connection: any DatabaseConnection, now: Timestamp,
        _ watch: inout OverdueWatch, isSnapshot: Bool = false
    ) throws -> LoadedLedger {
        var entries: [UUID: LedgerBatch.Entry] = [:]
        var logs: [UsageLog] = []
        let users = needs.users.sorted()
        let subjects = SubjectQueries(needs.subjects)
        let grants = Array(needs.grants)
        let lines = needs.lines.sorted()
        let tokens = needs.tokens.sorted()
        // One trip to a server. The locks come first and the accounts are read by a later
        // statement, which sees what whoever held them has written.
        let found = try connection.queryBatches([
            lock(isSnapshot ? [] : users, connection.dialect),
            StatementBatch(selectPosition, users.map { [.uuid($0)] }),
            subjects.byKey, subjects.byID, CreditGrantRow.select(grants),
            StatementBatch(CatalogStore.selectRevision, [[]]),
            CreditGrantRow.selectLatest(lines), FencingTable.select(tokens),
        ])
        for (user, rows) in zip(users, found[1]) {
            if let row = rows.first { entries[user] = try entry(row) }
        }
        for (user, rows) in zip(lines, found[6]) {
            entries[user]?.grants = try rows.map(CreditGrantRow.read)
        }
        for rows in found[2] + found[3] { logs += try rows.map(UsageLogRow.read) }
        let holders = users.filter { user in
            guard let account = entries[user]?.account else { return false }
            // Who holds no reservation can have no overdue one of the running period.
            return needs.overdue.contains(user)
                || account.context.reserved > .zero
                    && watch.mustLook(for: user, at: max(now, account.context.decidedAt))
        }
        let decidedAt = entries.compactMapValues { $0.account?.context.decidedAt }
        let overdue = try findOverdue(holders, decidedAt, from: connection, now: now, &watch)
        try loadOverdue(overdue, decidedAt, into: &logs, &entries, from: connection, now: now)
        let known = zip(grants, found[4]).filter { !$0.1.isEmpty }.map(\.0)
        guard var installation = found[5].first?.first?.reader else {
            throw DatabaseError.decoding("the database belongs to no installation")
        }
        return LoadedLedger(
            batch: LedgerBatch(
                entries: entries, logs: logs, knownGrants: Set(known),
                counters: try FencingTable.read(tokens, found[7])),
            catalogRevision: try installation.integer())
    }

    /// Locks the users in the order of their keys, so that no two batches, of this process or of
    /// others, wait for each other. Whoever decides on an account holds its user's row; an engine
    /// with one writer needs none of it.
    private static func lock(_ users: [UUID], _ dialect: SQLDialect) -> StatementBatch {
        StatementBatch(
            "SELECT 1 FROM users WHERE id = ?" + dialect.lockRows,
            dialect.lockRows.isEmpty ? [] : users.map { [.uuid($0)] })
    }

    private static let selectPosition = """
        SELECT u.is_active, c.user_id,
            s.id, s.plan_id, s.status, s.stripe_customer_id, s.stripe_subscription_id,
            s.cancel_at_period_end, s.canceled_at, s.trial_end, s.trial_used, s.created_at,
            s.updated_at, s.cancel_at,
            c.period_number, c.period_start, c.period_end, c.period_source,
            c.period_plan_id, c.period_anchor,
            c.credits_allocated, c.credits_used, c.credits_reserved, c.credits_owed,
            c.former_credits_left, c.minute_started_at, c.minute_count, c.day_started_at,
            c.day_count, c.decided_at
        FROM users u
        LEFT JOIN career_subscription_contexts c ON c.user_id = u.id
        LEFT JOIN subscriptions s ON s.id = c.subscription_id
        WHERE u.id = ?
        """

    private static func entry(_ row: Row) throws -> LedgerBatch.Entry {
        var reader = row.reader
        let standing: UserStanding = try reader.bool() ? .active : .deactivated
        guard let userID = try reader.optionalUUID() else {
            return LedgerBatch.Entry(user: standing, account: nil, overdue: [])
        }
        let subscription = try Subscription(
            id: reader.uuid(), userID: userID, planID: reader.uuid(),
            status: reader.oneOf(Subscription.Status.self),
            stripeCustomerID: reader.optionalText(), stripeSubscriptionID: reader.optionalText(),
            cancelAtPeriodEnd: reader.bool(), canceledAt: reader.optionalTime(),
            trialEnd: reader.optionalTime(), trialUsed: reader.bool(), createdAt: reader.time(),
            updatedAt: reader.time(), cancelAt: reader.optionalTime())
        let number = try reader.count()
        let period = try BillingPeriod(
            number: number, start: reader.time(), end: reader.time(),
            source: reader.oneOf(BillingPeriod.Source.self))
        let context = try CareerSubscriptionContext(
            period: period, periodPlanID: reader.uuid(), anchor: reader.time(),
            allocated: reader.credits(),
            used: reader.credits(), reserved: reader.credits(), owed: reader.credits(),
            formerLeft: reader.credits(),
            minuteWindow: RateWindow(.minute, start: reader.time(), count: reader.count()),
            dayWindow: RateWindow(.day, start: reader.time(), count: reader.count()),
            decidedAt: reader.time())
        return LedgerBatch.Entry(
            user: standing, account: Account(subscription: subscription, context: context),
            overdue: [])
    }

    /// Finds the logs that commands name.
    private struct SubjectQueries {
        let byKey: StatementBatch
        let byID: StatementBatch

        init(_ subjects: Set<LedgerSubject>) {
            var keys: [[SQLValue]] = []
            var ids: [[SQLValue]] = []
            for subject in subjects {
                switch subject {
                case .key(let key):
                    keys.append([.uuid(key.userID), .text(key.requestID), .text(key.payloadHash)])
                case .id(let id): ids.append([.uuid(id)])
                }
            }
            byKey = StatementBatch(
                """
                SELECT \(UsageLogRow.columns) FROM career_usage_logs
                WHERE user_id = ? AND request_id = ? AND payload_hash = ?
                """, keys)
            byID = StatementBatch(
                "SELECT \(UsageLogRow.columns) FROM career_usage_logs WHERE id = ?", ids)
        }
    }

    /// What is overdue is judged at the instant of the decisions to come, which is the account's
    /// last one where the clock is behind that.
    ///
    /// - Returns: those of the users who have an overdue reservation.
    private static func findOverdue(
        _ users: [UUID], _ decidedAt: [UUID: Timestamp],
        from connection: any DatabaseConnection, now: Timestamp, _ watch: inout OverdueWatch
    ) throws -> [UUID] {
        guard !users.isEmpty else { return [] }
        let sql = """
            SELECT expires_at FROM career_usage_logs
            WHERE user_id = ? AND status = 'PENDING' AND commit_accepted_at IS NULL
            ORDER BY expires_at LIMIT 1
            """
        var overdue: [UUID] = []
        for (user, rows) in zip(users, try connection.queryMany(sql, users.map { [.uuid($0)] })) {
            var reader = rows.first?.reader
            let firstEnd = try reader?.time()
            let last = decidedAt[user] ?? now
            if let firstEnd, firstEnd <= max(now, last) {
                overdue.append(user)
            } else {
                watch.looked(for: user, decidedAt: last, firstEnd: firstEnd)
            }
        }
        return overdue
    }

    private static func loadOverdue(
        _ users: [UUID], _ decidedAt: [UUID: Timestamp], into logs: inout [UsageLog],
        _ entries: inout [UUID: LedgerBatch.Entry], from connection: any DatabaseConnection,
        now: Timestamp
    ) throws {
        guard !users.isEmpty else { return }
        let sql = """
            SELECT \(UsageLogRow.columns) FROM career_usage_logs
            WHERE user_id = ? AND status = 'PENDING' AND expires_at <= ?
                AND commit_accepted_at IS NULL
            ORDER BY expires_at LIMIT \(maximumOverduePerUser)
            """
        let found = try connection.queryMany(
            sql, users.map { [.uuid($0), .time(max(now, decidedAt[$0] ?? now))] })
        for (user, rows) in zip(users, found) where !rows.isEmpty {
            let overdue = try rows.map(UsageLogRow.read)
            entries[user]?.overdue = overdue.map(\.id)
            logs += overdue
        }
    }
}
