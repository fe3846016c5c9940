import Database
import FoundationEssentials
import Ledger
import Values

extension LedgerTables {
    /// Writes what differs from what was loaded.
    static func write(
        _ batch: LedgerBatch, over loaded: LedgerBatch, of t: ProductTables,
        to connection: any DatabaseConnection
    ) throws {
        var newAccounts: [(Account, UserStanding)] = []
        var subscriptions: [[SQLValue]] = []
        var contexts: [[SQLValue]] = []
        var counters: [[SQLValue]] = []
        var brakes: [[SQLValue]] = []
        var marks: [[SQLValue]] = []
        var testWindows: [[SQLValue]] = []
        var years: [[SQLValue]] = []
        for (user, entry) in batch.entries {
            guard let account = entry.account else { continue }
            let known = loaded.entries[user]?.account
            // Of a new account too, whose row is inserted without them.
            if account.context.brakes != known?.context.brakes {
                brakes.append(SpendingRow.update(account))
            }
            if account.context.topUpBelow != known?.context.topUpBelow {
                marks.append([.credits(account.context.topUpBelow), .uuid(user)])
            }
            guard let before = known else {
                newAccounts.append((account, entry.user))
                continue
            }
            if account.subscription != before.subscription {
                subscriptions.append(update(account.subscription))
            }
            if account.context.moved(since: before.context)
                || entry.user != loaded.entries[user]?.user
                || account.subscription.planID != before.subscription.planID
                || account.subscription.status != before.subscription.status
            {
                contexts.append(update(account, entry.user))
            } else if account.context != before.context {
                counters.append(count(account))
            }
            if account.context.testWindows != before.context.testWindows {
                testWindows += [TestWindowsRow.update(account)].compactMap { $0 }
            }
            if account.context.year != before.context.year { years.append(YearRow.update(account)) }
        }
        for (account, standing) in newAccounts {
            try insert(account, standing, of: t, to: connection)
            testWindows += [TestWindowsRow.update(account)].compactMap { $0 }
        }
        if !subscriptions.isEmpty {
            try connection.enqueueMany(updateSubscription[t], subscriptions)
        }
        if !contexts.isEmpty { try connection.enqueueMany(updateContext[t], contexts) }
        if !counters.isEmpty { try connection.enqueueMany(updateCounters[t], counters) }
        if !brakes.isEmpty { try connection.enqueueMany(SpendingRow.update[t], brakes) }
        if !testWindows.isEmpty {
            try connection.enqueueMany(TestWindowsRow.update, testWindows)
        }
        if !marks.isEmpty { try connection.enqueueMany(updateTopUpMark, marks) }
        if !years.isEmpty { try connection.enqueueMany(YearRow.update, years) }
        try writeLogs(batch, over: loaded, of: t, to: connection)
        try StandaloneGrantRow.write(batch, over: loaded, of: t, to: connection)
        try DrawRow.write(batch, over: loaded, of: t, to: connection)
        try HoldStepRow.write(
            batch.insertedSteps.compactMap { batch.steps[$0] }, of: t, to: connection)
        try writeGrants(batch, of: t, to: connection)
        if t.hasKeys { try KeyTables.write(batch, over: loaded, to: connection) }
        try FencingTable.write(batch, over: loaded, to: connection)
    }

    private static func insert(
        _ account: Account, _ standing: UserStanding, of t: ProductTables,
        to connection: any DatabaseConnection
    ) throws {
        let subscription = account.subscription
        try connection.enqueueMany(
            insertSubscription[t],
            [
                [
                    .uuid(subscription.id), .uuid(subscription.userID),
                    .uuid(subscription.planID), .text(subscription.status.rawValue),
                    .text(subscription.stripeCustomerID),
                    .text(subscription.stripeSubscriptionID),
                    .bool(subscription.cancelAtPeriodEnd), .time(subscription.canceledAt),
                    .time(subscription.trialEnd), .bool(subscription.trialUsed),
                    .time(subscription.createdAt), .time(subscription.updatedAt),
                    .time(subscription.cancelAt), .uuid(subscription.scheduled?.planID),
                    .time(subscription.scheduled?.startsAt),
                ]
            ])
        try connection.enqueueMany(
            insertContext[t], [update(account, standing) + [.uuid(subscription.id)]])
    }

    private static let insertSubscription = ProductSQL { t in
        """
        INSERT INTO \(t.subscriptions) (id, \(t.holder), plan_id, status, stripe_customer_id,
            stripe_subscription_id, cancel_at_period_end, canceled_at, trial_end, trial_used,
            created_at, updated_at, cancel_at, scheduled_plan_id, scheduled_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    }

    private static let insertContext = ProductSQL { t in
        """
        INSERT INTO \(t.contexts) (standing, plan_id, subscription_status,
            period_number, period_start, period_end,
            period_source, period_plan_id, period_anchor, credits_allocated, credits_used,
            credits_reserved, credits_owed, former_credits_left, minute_started_at,
            minute_count, day_started_at, day_count, earliest_expiry, open_grants,
            decided_at, \(t.holder), subscription_id)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    }

    private static let updateSubscription = ProductSQL { t in
        """
        UPDATE \(t.subscriptions) SET plan_id = ?, status = ?, stripe_customer_id = ?,
            stripe_subscription_id = ?, cancel_at_period_end = ?, canceled_at = ?, trial_end = ?,
            trial_used = ?, updated_at = ?, cancel_at = ?, scheduled_plan_id = ?,
            scheduled_at = ?
        WHERE id = ?
        """
    }

    private static func update(_ subscription: Subscription) -> [SQLValue] {
        [
            .uuid(subscription.planID), .text(subscription.status.rawValue),
            .text(subscription.stripeCustomerID), .text(subscription.stripeSubscriptionID),
            .bool(subscription.cancelAtPeriodEnd), .time(subscription.canceledAt),
            .time(subscription.trialEnd), .bool(subscription.trialUsed),
            .time(subscription.updatedAt), .time(subscription.cancelAt),
            .uuid(subscription.scheduled?.planID), .time(subscription.scheduled?.startsAt),
            .uuid(subscription.id),
        ]
    }

    private static let updateContext = ProductSQL { t in
        """
        UPDATE \(t.contexts) SET standing = ?, plan_id = ?,
            subscription_status = ?, period_number = ?, period_start = ?,
            period_end = ?, period_source = ?, period_plan_id = ?, period_anchor = ?,
            credits_allocated = ?, credits_used = ?, credits_reserved = ?, credits_owed = ?,
            former_credits_left = ?, minute_started_at = ?, minute_count = ?,
            day_started_at = ?, day_count = ?, earliest_expiry = ?, open_grants = ?,
            decided_at = ?
        WHERE \(t.holder) = ?
        """
    }

    private static func update(_ account: Account, _ standing: UserStanding) -> [SQLValue] {
        let context = account.context
        return [
            .text(AccountRow.Standing(standing).rawValue), .uuid(account.subscription.planID),
            .text(account.subscription.status.rawValue), .integer(context.period.number),
            .time(context.period.start),
            .time(context.period.end), .text(context.period.source.rawValue),
            .uuid(context.periodPlanID), .time(context.anchor), .credits(context.allocated),
            .credits(context.used), .credits(context.reserved), .credits(context.owed),
            .credits(context.formerLeft), .time(context.minuteWindow.start),
            .integer(context.minuteWindow.count), .time(context.dayWindow.start),
            .integer(context.dayWindow.count), .time(context.earliestExpiry),
            .integer(context.openGrants), .time(context.decidedAt),
            .uuid(account.subscription.userID),
        ]
    }

    /// What each decision moves, apart from the period: the many updates are the small ones.
    private static let updateCounters = ProductSQL { t in
        """
        UPDATE \(t.contexts) SET credits_used = ?, credits_reserved = ?,
            minute_started_at = ?, minute_count = ?, day_started_at = ?, day_count = ?,
            earliest_expiry = ?, decided_at = ?
        WHERE \(t.holder) = ?
        """
    }

    private static let updateTopUpMark =
        "UPDATE career_subscription_contexts SET top_up_below = ? WHERE user_id = ?"

    private static func count(_ account: Account) -> [SQLValue] {
        let context = account.context
        return [
            .credits(context.used), .credits(context.reserved),
            .time(context.minuteWindow.start), .integer(context.minuteWindow.count),
            .time(context.dayWindow.start), .integer(context.dayWindow.count),
            .time(context.earliestExpiry), .time(context.decidedAt),
            .uuid(account.subscription.userID),
        ]
    }

    private static func writeLogs(
        _ batch: LedgerBatch, over loaded: LedgerBatch, of t: ProductTables,
        to connection: any DatabaseConnection
    ) throws {
        var plain: [[SQLValue]] = []
        var whole: [[SQLValue]] = []
        for log in batch.insertedLogs.lazy.compactMap({ batch.logs[$0] }) {
            let values = UsageLogRow.values(log)
            if UsageLogRow.isPlain(log) {
                plain.append(values)
            } else {
                whole.append(values + UsageLogRow.ofSome(log))
            }
        }
        if !plain.isEmpty { try connection.enqueueMany(UsageLogRow.insert[t], plain) }
        if !whole.isEmpty { try connection.enqueueMany(UsageLogRow.insertWhole[t], whole) }
        // A log that was made and settled in this very batch is written once, as it stands.
        let changed = batch.changedLogs.subtracting(batch.insertedLogs)
            .compactMap { batch.logs[$0] }
        if !changed.isEmpty {
            try connection.enqueueMany(
                UsageLogRow.settle[t], changed.map(UsageLogRow.settlement))
        }
        let grown = changed.filter { log in
            loaded.logs[log.id].map { UsageLogRow.hasGrown(log, since: $0) } ?? true
        }
        if !grown.isEmpty {
            try connection.enqueueMany(UsageLogRow.change[t], grown.map(UsageLogRow.growth))
        }
    }

    private static let insertLine = ProductSQL { t in
        """
        INSERT INTO \(t.lines) (\(t.holder), period_number, kind, cause, credits, reason,
            created_at)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """
    }
    private static let insertChange = ProductSQL { t in
        """
        INSERT INTO \(t.changes) (id, subscription_id, event, plan_id, status,
            stripe_customer_id, stripe_subscription_id, at, reason)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    }

    private static func writeGrants(
        _ batch: LedgerBatch, of t: ProductTables, to connection: any DatabaseConnection
    ) throws {
        if !batch.grants.isEmpty {
            try connection.enqueueMany(
                insertLine[t],
                batch.grants.map {
                    [
                        .uuid($0.userID), .integer($0.periodNumber), .text($0.kind.rawValue),
                        .text($0.cause), .credits($0.credits), .text($0.reason),
                        .time($0.createdAt),
                    ]
                })
        }
        if !batch.history.isEmpty {
            try connection.enqueueMany(
                insertChange[t],
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
            || openGrants != before.openGrants
    }
}
