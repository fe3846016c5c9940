import Database
import FoundationEssentials
import Ledger
import Values

/// How an account's limits lie in its row: NULL in all columns where it has none.
enum SpendingRow {
    static let columns = "limit_alerts, daily_limit, monthly_limit, \(counts)"

    /// What counts against the limits.
    static let counts = "limits_counted_at, day_captured, month_captured, held_in_all"

    static func read(_ reader: inout RowReader) throws -> SpendingBrakes? {
        guard let alerts = try reader.optionalText() else { return nil }
        guard let percents = percents(of: alerts) else {
            throw DatabaseError.decoding("limit_alerts is no list of percentages")
        }
        let limits = try SpendingLimits(
            daily: reader.optionalCredits(), monthly: reader.optionalCredits(), alertAt: percents)
        return SpendingBrakes(limits: limits, spending: try readCounts(&reader))
    }

    static func readCounts(_ reader: inout RowReader) throws -> Spending {
        try Spending(
            countedAt: reader.time(), today: reader.credits(), thisMonth: reader.credits(),
            held: reader.credits())
    }

    /// - Returns: `nil` for what is no list of percentages.
    static func percents(of alerts: String) -> [Int64]? {
        let percents = alerts.split(separator: " ").map { Int64($0) }
        let areGood = percents.allSatisfy { $0.map { (1...100).contains($0) } ?? false }
        return areGood ? percents.compactMap { $0 } : nil
    }

    static let update = ProductSQL { t in
        """
        UPDATE \(t.contexts) SET limit_alerts = ?, daily_limit = ?,
            monthly_limit = ?, limits_counted_at = ?, day_captured = ?, month_captured = ?,
            held_in_all = ?
        WHERE \(t.holder) = ?
        """
    }

    static func update(_ account: Account) -> [SQLValue] {
        let user = SQLValue.uuid(account.subscription.userID)
        guard let brakes = account.context.brakes else {
            return Array(repeating: .null, count: 7) + [user]
        }
        let spending = brakes.spending
        return [
            .text(brakes.limits.alertAt.map(String.init).joined(separator: " ")),
            .credits(brakes.limits.daily), .credits(brakes.limits.monthly),
            .time(spending.countedAt), .credits(spending.captured(in: .day)),
            .credits(spending.captured(in: .month)), .credits(spending.held), user,
        ]
    }

    /// Adds up what counts against limits of accounts that have none yet, unless it was counted
    /// before and holds still; of the others their row knows it. All that was ever captured is no
    /// later than the account's last decision.
    static func find(
        of needs: LedgerNeeds, _ t: ProductTables,
        into entries: inout [UUID: LedgerBatch.Entry],
        from connection: any DatabaseConnection
    ) throws {
        for user in needs.spending.sorted() {
            guard let context = entries[user]?.account?.context else { continue }
            entries[user]?.spending =
                try context.brakes?.spending
                ?? known(needs, of: user, t, context, in: connection)
        }
    }

    /// - Returns: `nil` if what was counted before is true no longer.
    private static func known(
        _ needs: LedgerNeeds, of user: UUID, _ t: ProductTables,
        _ context: CareerSubscriptionContext, in connection: any DatabaseConnection
    ) throws -> Spending? {
        guard let counted = needs.counted[user], !needs.uncounted.contains(user) else {
            return try sum(of: user, t, at: context.decidedAt, in: connection)
        }
        let mark = try mark(of: user, t, context, in: connection)
        return mark == counted.mark ? counted.spending : nil
    }

    /// - Returns: `nil` for an account that has limits, whose row knows what counts.
    static func count(
        of user: UUID, _ t: ProductTables, _ context: CareerSubscriptionContext,
        in connection: any DatabaseConnection
    ) throws -> CountedSpending? {
        guard context.brakes == nil else { return nil }
        return try CountedSpending(
            sum(of: user, t, at: context.decidedAt, in: connection),
            at: mark(of: user, t, context, in: connection))
    }

    private static func mark(
        of user: UUID, _ t: ProductTables, _ context: CareerSubscriptionContext,
        in connection: any DatabaseConnection
    ) throws -> CountedSpending.Mark {
        let rows = try connection.query(
            """
            SELECT l.held, l.calls, g.captured, g.held FROM (
                SELECT CAST(coalesce(sum(credits_reserved - credits_captured), 0) AS BIGINT)
                    AS held, count(*) AS calls
                FROM \(t.logs) WHERE \(t.holder) = ? AND status = 'PENDING'
            ) l CROSS JOIN (
                SELECT CAST(coalesce(sum(captured), 0) AS BIGINT) AS captured,
                    CAST(coalesce(sum(held), 0) AS BIGINT) AS held
                FROM \(t.grants) WHERE account_id = ?
            ) g
            """, [.uuid(user), .uuid(user)])
        var reader = rows[0].reader
        return CountedSpending.Mark(
            try [
                context.decidedAt.micros, context.period.number, context.used.micros,
                context.reserved.micros, reader.integer(), reader.integer(), reader.integer(),
                reader.integer(),
            ])
    }

    /// What counts, from the rows alone: the parts of calls at their times, what a success charged
    /// beside them when it was committed, and all that is held.
    static func sum(
        of user: UUID, _ t: ProductTables = .of(.career), at instant: Timestamp,
        in connection: any DatabaseConnection
    ) throws -> Spending {
        let windows = SpendingLimits.Window.allCases.map { SQLValue.time($0.start(of: instant)) }
        let captured = try connection.query(
            """
            SELECT CAST(coalesce(sum(CASE WHEN p.at >= ? THEN p.credits ELSE 0 END), 0) AS BIGINT),
                CAST(coalesce(sum(CASE WHEN p.at >= ? THEN p.credits ELSE 0 END), 0) AS BIGINT)
            FROM (\(parts[t])) p
            """, windows + [.uuid(user), .uuid(user)])
        let held = try connection.query(
            """
            SELECT CAST(coalesce(sum(\(UsageLogRow.held("l"))), 0) AS BIGINT)
            FROM \(t.logs) l WHERE l.\(t.holder) = ? AND l.status = 'PENDING'
            """, [.uuid(user)])
        var (sums, rest) = (captured[0].reader, held[0].reader)
        return try Spending(
            countedAt: instant, today: sums.credits(), thisMonth: sums.credits(),
            held: rest.credits())
    }

    private static let parts = ProductSQL { t in
        """
        SELECT t.created_at AS at, t.credits AS credits FROM \(t.steps) t
        WHERE t.\(t.holder) = ? AND t.kind = 'capture'
        UNION ALL
        SELECT l.committed_at, l.credits_charged - coalesce((
            SELECT sum(t.credits) FROM \(t.steps) t
            WHERE t.\(t.holder) = l.\(t.holder) AND t.usage_id = l.id AND t.kind = 'capture'), 0)
        FROM \(t.logs) l WHERE l.\(t.holder) = ? AND l.status = 'SUCCESS'
        """
    }
}
