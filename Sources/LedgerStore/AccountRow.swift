import Database
import FoundationEssentials
import Ledger
import Values

/// How an account lies in its table, `career_subscription_contexts`. The row has all that a
/// decision on a call needs, so that to lock the account is to read it.
enum AccountRow {
    /// Reads the accounts in the order of their keys and, with a lock, keeps others waiting, of
    /// this process and of others, so that no two batches wait for each other. An engine with one
    /// writer has no locks.
    static func select(
        _ users: [UUID], of t: ProductTables, lock: String
    ) -> StatementBatch {
        StatementBatch(selectPosition[t] + lock, users.map { [.uuid($0)] })
    }

    private static let selectPosition = ProductSQL { t in
        """
        SELECT \(t.holder), standing, subscription_id, plan_id, subscription_status,
            period_number, period_start, period_end, period_source, period_plan_id,
            period_anchor, credits_allocated, credits_used, credits_reserved, credits_owed,
            former_credits_left, minute_started_at, minute_count, day_started_at, day_count,
            earliest_expiry, open_grants, decided_at,
            \(t.hasKeys ? TestWindowsRow.columns : "top_up_below, " + YearRow.columns),
            \(SpendingRow.columns)
        FROM \(t.contexts) WHERE \(t.holder) = ?
        """
    }

    static func selectSubscriptions(
        _ users: [UUID], of t: ProductTables
    ) -> StatementBatch {
        StatementBatch(selectSubscription[t], users.map { [.uuid($0)] })
    }

    private static let selectSubscription = ProductSQL { t in
        """
        SELECT id, \(t.holder), plan_id, status, stripe_customer_id, stripe_subscription_id,
            cancel_at_period_end, canceled_at, trial_end, trial_used, created_at, updated_at,
            cancel_at, scheduled_plan_id, scheduled_at
        FROM \(t.subscriptions) WHERE \(t.holder) = ?
        """
    }

    /// - Parameter whole: users whose subscriptions were read by themselves.
    /// - Returns: an entry of each user who has an account.
    static func entries(
        of users: [UUID], _ accounts: [[Row]], _ whole: [UUID], _ subscriptions: [[Row]],
        _ t: ProductTables
    ) throws -> [UUID: LedgerBatch.Entry] {
        var entries: [UUID: LedgerBatch.Entry] = [:]
        for (user, rows) in zip(users, accounts) {
            if let row = rows.first { entries[user] = try entry(row, t) }
        }
        for (user, rows) in zip(whole, subscriptions) {
            guard let row = rows.first, let account = entries[user]?.account else { continue }
            entries[user]?.account = Account(
                subscription: try subscription(row), context: account.context)
        }
        return entries
    }

    /// Whether there is a holder without an account is the product's question. The holder's row is
    /// locked, so that of two who would make the account one waits, and then finds it.
    static func entriesWithoutAccount(
        of users: [UUID], _ source: LedgerSource, lock: String,
        from connection: any DatabaseConnection
    ) throws -> [UUID: LedgerBatch.Entry] {
        let found = try connection.queryBatches([
            StatementBatch(source.holderStanding + lock, users.map { [.uuid($0)] }),
            select(users, of: source.tables, lock: lock),
            selectSubscriptions(users, of: source.tables),
        ])
        var entries = try self.entries(
            of: users, found[1], users, found[2], source.tables)
        for (user, rows) in zip(users, found[0]) where entries[user] == nil {
            guard var reader = rows.first?.reader else { continue }
            entries[user] = LedgerBatch.Entry(
                user: try reader.bool() ? .active : .deactivated, account: nil, overdue: [])
        }
        return entries
    }

    private static func entry(_ row: Row, _ t: ProductTables) throws -> LedgerBatch.Entry {
        var reader = row.reader
        let userID = try reader.uuid()
        let standing = try reader.oneOf(Standing.self)
        let subscription = try Subscription(
            id: reader.uuid(), userID: userID, planID: reader.uuid(),
            status: reader.oneOf(Subscription.Status.self))
        let number = try reader.count()
        let period = try BillingPeriod(
            number: number, start: reader.time(), end: reader.time(),
            source: reader.oneOf(BillingPeriod.Source.self))
        var context = try CareerSubscriptionContext(
            period: period, periodPlanID: reader.uuid(), anchor: reader.time(),
            allocated: reader.credits(), used: reader.credits(), reserved: reader.credits(),
            owed: reader.credits(), formerLeft: reader.credits(),
            minuteWindow: RateWindow(.minute, start: reader.time(), count: reader.count()),
            dayWindow: RateWindow(.day, start: reader.time(), count: reader.count()),
            earliestExpiry: reader.optionalTime(), openGrants: reader.count(),
            decidedAt: reader.time())
        if t.hasKeys {
            context.keepTestWindows(try TestWindowsRow.read(&reader))
        } else {
            context.keepTopUpMark(try reader.optionalCredits())
            context.keepYear(try YearRow.read(&reader))
        }
        context.keepBrakes(try SpendingRow.read(&reader))
        return LedgerBatch.Entry(
            user: standing == .active ? .active : .deactivated,
            account: Account(subscription: subscription, context: context), overdue: [],
            laterExpiry: context.earliestExpiry)
    }

    private static func subscription(_ row: Row) throws -> Subscription {
        var reader = row.reader
        return try Subscription(
            id: reader.uuid(), userID: reader.uuid(), planID: reader.uuid(),
            status: reader.oneOf(Subscription.Status.self),
            stripeCustomerID: reader.optionalText(), stripeSubscriptionID: reader.optionalText(),
            cancelAtPeriodEnd: reader.bool(), canceledAt: reader.optionalTime(),
            trialEnd: reader.optionalTime(), trialUsed: reader.bool(), createdAt: reader.time(),
            updatedAt: reader.time(), cancelAt: reader.optionalTime(),
            scheduled: ScheduledPlan(reading: &reader))
    }

    /// The column `standing`.
    enum Standing: String, CaseIterable {
        case active
        case deactivated

        init(_ standing: UserStanding) {
            self = standing == .active ? .active : .deactivated
        }
    }
}
