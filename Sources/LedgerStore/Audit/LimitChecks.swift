import Database
import FoundationEssentials
import Ledger
import Values

/// What must be true of the user's own limits: an account has all of their columns or none, and
/// what counts against them is the sum of its rows.
enum LimitChecks {
    static let all = [
        RowCheck("an account has limits that are none, or counts against none") { _ in
            let counts = ["limits_counted_at", "day_captured", "month_captured", "held_in_all"]
            let halves = counts.map { "(c.\($0) IS NULL) <> (c.limit_alerts IS NULL)" }
            let limits = ["daily_limit", "monthly_limit"].flatMap {
                [
                    "c.\($0) NOT BETWEEN 0 AND \(Credits.maximum.micros)",
                    "c.\($0) IS NOT NULL AND c.limit_alerts IS NULL",
                ]
            }
            let sums = ["day_captured", "month_captured", "held_in_all"]
                .map { "c.\($0) NOT BETWEEN 0 AND \(Credits.range.upperBound)" }
            let times = [
                AuditSQL.isNoTime("c.limits_counted_at"), "c.limits_counted_at > c.decided_at",
            ]
            return """
                SELECT c.user_id, c.user_id FROM career_subscription_contexts c
                WHERE \((halves + limits + sums + times).joined(separator: " OR "))
                """
        }
    ]

    /// Accounts that are read at once.
    private static let page = 500

    /// Holds what is counted against what the rows say, account by account: most have no limits.
    static func run(in connection: any DatabaseConnection, _ offences: inout Offences) throws {
        var last = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        while offences.mayName {
            let rows = try connection.query(
                """
                SELECT c.user_id,
                    CAST(CASE WHEN \(AuditSQL.neverReset) THEN 0 ELSE 1 END AS BIGINT),
                    c.limit_alerts, \(SpendingRow.counts)
                FROM career_subscription_contexts c
                WHERE c.limit_alerts IS NOT NULL AND c.user_id > ?
                ORDER BY c.user_id LIMIT \(page)
                """, [.uuid(last)])
            for row in rows {
                var reader = row.reader
                last = try reader.uuid()
                let wasReset = try reader.bool()
                // What cannot be read has been told of by its row.
                guard !offences.hasNamed(last) else { continue }
                guard SpendingRow.percents(of: try reader.text()) != nil else {
                    offences.add(5, last, of: last, "limit_alerts is no list of percentages")
                    continue
                }
                let kept = try SpendingRow.readCounts(&reader)
                let sum = try SpendingRow.sum(of: last, at: kept.countedAt, in: connection)
                let isSame = sum.held == kept.held && (wasReset || sum == kept)
                if !isSame {
                    offences.add(
                        1, last, of: last,
                        "what counts against its limits is not the sum of its rows "
                            + "(found \(kept.told), expected \(sum.told))")
                }
            }
            if rows.count < page { return }
        }
    }
}

extension Spending {
    fileprivate var told: String {
        [captured(in: .day), captured(in: .month), held].map(\.decimal).joined(separator: ", ")
    }
}
