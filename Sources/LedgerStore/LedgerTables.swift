import Database
import FoundationEssentials
import Ledger
import Values

/// What a batch of commands must see.
package struct LedgerNeeds {
    var users: Set<UUID> = []
    var subjects: Set<LedgerSubject> = []
    /// Whose overdue reservations of all periods are wanted.
    var overdue: Set<UUID> = []
    var grants: Set<GrantKey> = []
    /// Whose lines of the running period and of the one before it are wanted.
    var lines: Set<UUID> = []

    package init(
        users: Set<UUID> = [], subjects: Set<LedgerSubject> = [], overdue: Set<UUID> = [],
        grants: Set<GrantKey> = [], lines: Set<UUID> = []
    ) {
        self.users = users
        self.subjects = subjects
        self.overdue = overdue
        self.grants = grants
        self.lines = lines
    }

    package mutating func add(_ command: some LedgerCommand) {
        users.insert(command.userID)
        if let subject = command.subject { subjects.insert(subject) }
        if command.seesAllOverdue { overdue.insert(command.userID) }
        if let grant = command.onceOnly { grants.insert(grant) }
        if command.seesGrants { lines.insert(command.userID) }
    }
}

/// What a batch of commands found.
struct LoadedLedger {
    let batch: LedgerBatch
    /// Of the catalog, by which the batch is to be decided.
    let catalogRevision: Int64
}

/// Loads what a batch of commands touches and writes what was decided: the ledger's only SQL on
/// its hot path. A batch costs at most nine queries and seven statements, each run once for all of
/// its rows, and two statements for each new account; with a server, they take two trips, or four
/// where something is overdue.
enum LedgerTables {
    /// Overdue reservations that one batch takes up for one user; the sweeper comes again.
    static let maximumOverduePerUser = 500

    static func load(
        _ needs: LedgerNeeds, from connection: any DatabaseConnection, now: Timestamp,
        _ watch: inout OverdueWatch
    ) throws -> LoadedLedger {
        var entries: [UUID: LedgerBatch.Entry] = [:]
        var logs: [UsageLog] = []
        let users = needs.users.sorted()
        let subjects = SubjectQueries(needs.subjects)
        let grants = Array(needs.grants)
        let lines = needs.lines.sorted()
        // One trip to a server. The locks come first and the accounts are read by a later
        // statement, which sees what whoever held them has written.
        let found = try connection.queryBatches([
            lock(users, connection.dialect),
            StatementBatch(selectPosition, users.map { [.uuid($0)] }),
            subjects.byKey, subjects.byID, CreditGrantRow.select(grants),
            StatementBatch(CatalogStore.selectRevision, [[]]),
            CreditGrantRow.selectLatest(lines),
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
            batch: LedgerBatch(entries: entries, logs: logs, knownGrants: Set(known)),
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
            c.former_credits_left, c.minute_started_at, c.minute_count, c.day_started_at, c.day_count, c.decided_at
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

    /// Writes what differs from what was loaded.
    static func write(
        _ batch: LedgerBatch, over loaded: LedgerBatch, to connection: any DatabaseConnection
    ) throws {
        var newAccounts: [Account] = []
        var subscriptions: [[SQLValue]] = []
        var contexts: [[SQLValue]] = []
        var counters: [[SQLValue]] = []
        for (user, entry) in batch.entries {
            guard let account = entry.account else { continue }
            guard let before = loaded.entries[user]?.account else {
                newAccounts.append(account)
                continue
            }
            if account.subscription != before.subscription {
                subscriptions.append(update(account.subscription))
            }
            if account.context.moved(since: before.context) {
                contexts.append(update(account))
            } else if account.context != before.context {
                counters.append(count(account))
            }
        }
        for account in newAccounts { try insert(account, to: connection) }
        if !subscriptions.isEmpty {
            try connection.enqueueMany(updateSubscription, subscriptions)
        }
        if !contexts.isEmpty { try connection.enqueueMany(updateContext, contexts) }
        if !counters.isEmpty { try connection.enqueueMany(updateCounters, counters) }
        try writeLogs(batch, to: connection)
        try writeGrants(batch, to: connection)
    }

    private static func insert(
        _ account: Account, to connection: any DatabaseConnection
    ) throws {
        let subscription = account.subscription
        try connection.enqueueMany(
            """
            INSERT INTO subscriptions (id, user_id, plan_id, status, stripe_customer_id,
                stripe_subscription_id, cancel_at_period_end, canceled_at, trial_end, trial_used,
                created_at, updated_at, cancel_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                [
                    .uuid(subscription.id), .uuid(subscription.userID),
                    .uuid(subscription.planID), .text(subscription.status.rawValue),
                    .text(subscription.stripeCustomerID),
                    .text(subscription.stripeSubscriptionID),
                    .bool(subscription.cancelAtPeriodEnd), .time(subscription.canceledAt),
                    .time(subscription.trialEnd), .bool(subscription.trialUsed),
                    .time(subscription.createdAt), .time(subscription.updatedAt),
                    .time(subscription.cancelAt),
                ]
            ])
        try connection.enqueueMany(
            """
            INSERT INTO career_subscription_contexts (period_number, period_start, period_end,
                period_source, period_plan_id, period_anchor, credits_allocated, credits_used,
                credits_reserved, credits_owed, former_credits_left, minute_started_at,
                minute_count, day_started_at, day_count, decided_at, user_id, subscription_id)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, [update(account) + [.uuid(subscription.id)]])
    }

    private static let updateSubscription = """
        UPDATE subscriptions SET plan_id = ?, status = ?, stripe_customer_id = ?,
            stripe_subscription_id = ?, cancel_at_period_end = ?, canceled_at = ?, trial_end = ?,
            trial_used = ?, updated_at = ?, cancel_at = ?
        WHERE id = ?
        """

    private static func update(_ subscription: Subscription) -> [SQLValue] {
        [
            .uuid(subscription.planID), .text(subscription.status.rawValue),
            .text(subscription.stripeCustomerID), .text(subscription.stripeSubscriptionID),
            .bool(subscription.cancelAtPeriodEnd), .time(subscription.canceledAt),
            .time(subscription.trialEnd), .bool(subscription.trialUsed),
            .time(subscription.updatedAt), .time(subscription.cancelAt), .uuid(subscription.id),
        ]
    }

    private static let updateContext = """
        UPDATE career_subscription_contexts SET period_number = ?, period_start = ?,
            period_end = ?, period_source = ?, period_plan_id = ?, period_anchor = ?,
            credits_allocated = ?, credits_used = ?, credits_reserved = ?, credits_owed = ?,
            former_credits_left = ?, minute_started_at = ?, minute_count = ?,
            day_started_at = ?, day_count = ?, decided_at = ?
        WHERE user_id = ?
        """

    private static func update(_ account: Account) -> [SQLValue] {
        let context = account.context
        return [
            .integer(context.period.number), .time(context.period.start),
            .time(context.period.end), .text(context.period.source.rawValue),
            .uuid(context.periodPlanID), .time(context.anchor), .credits(context.allocated),
            .credits(context.used), .credits(context.reserved), .credits(context.owed),
            .credits(context.formerLeft), .time(context.minuteWindow.start),
            .integer(context.minuteWindow.count), .time(context.dayWindow.start),
            .integer(context.dayWindow.count), .time(context.decidedAt),
            .uuid(account.subscription.userID),
        ]
    }

    /// What each decision moves, apart from the period: the many updates are the small ones.
    private static let updateCounters = """
        UPDATE career_subscription_contexts SET credits_used = ?, credits_reserved = ?,
            minute_started_at = ?, minute_count = ?, day_started_at = ?, day_count = ?,
            decided_at = ?
        WHERE user_id = ?
        """

    private static func count(_ account: Account) -> [SQLValue] {
        let context = account.context
        return [
            .credits(context.used), .credits(context.reserved),
            .time(context.minuteWindow.start), .integer(context.minuteWindow.count),
            .time(context.dayWindow.start), .integer(context.dayWindow.count),
            .time(context.decidedAt), .uuid(account.subscription.userID),
        ]
    }

    private static func writeLogs(
        _ batch: LedgerBatch, to connection: any DatabaseConnection
    ) throws {
        let inserted = batch.insertedLogs.compactMap { batch.logs[$0] }
        if !inserted.isEmpty {
            try connection.enqueueMany(UsageLogRow.insert, inserted.map(UsageLogRow.values))
        }
        // A log that was made and settled in this very batch is written once, as it stands.
        let changed = batch.changedLogs.subtracting(batch.insertedLogs)
            .compactMap { batch.logs[$0] }
        if !changed.isEmpty {
            try connection.enqueueMany(UsageLogRow.settle, changed.map(UsageLogRow.settlement))
        }
    }

    private static func writeGrants(
        _ batch: LedgerBatch, to connection: any DatabaseConnection
    ) throws {
        if !batch.grants.isEmpty {
            let sql = """
                INSERT INTO credit_grants (user_id, period_number, kind, cause, credits, reason,
                    created_at)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """
            try connection.enqueueMany(
                sql,
                batch.grants.map {
                    [
                        .uuid($0.userID), .integer($0.periodNumber), .text($0.kind.rawValue),
                        .text($0.cause), .credits($0.credits), .text($0.reason),
                        .time($0.createdAt),
                    ]
                })
        }
        if !batch.history.isEmpty {
            let sql = """
                INSERT INTO subscription_changes (id, subscription_id, event, plan_id, status,
                    stripe_customer_id, stripe_subscription_id, at, reason)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
            try connection.enqueueMany(
                sql,
                batch.history.map {
                    let id = UUID.version7(at: $0.at, randomness: .random(in: .min ... .max))
                    return [
                        .uuid(id), .uuid($0.subscriptionID), .text($0.event), .uuid($0.planID),
                        .text($0.status.rawValue), .text($0.stripeCustomerID),
                        .text($0.stripeSubscriptionID), .time($0.at), .text($0.reason),
                    ]
                })
        }
    }
}

extension CareerSubscriptionContext {
    /// Whether more than its counters differ.
    fileprivate func moved(since before: CareerSubscriptionContext) -> Bool {
        period != before.period || periodPlanID != before.periodPlanID
            || anchor != before.anchor || allocated != before.allocated
            || owed != before.owed || formerLeft != before.formerLeft
    }
}
