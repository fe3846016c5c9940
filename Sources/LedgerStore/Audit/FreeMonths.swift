import Database
import Ledger
import Values

/// A period of the Free plan is a month counted from its account's anchor.
enum FreeMonths {
    static func check(in connection: any DatabaseConnection, _ offences: inout Offences) throws {
        try connection.forEachRow(
            """
            SELECT user_id, period_number, period_start, period_end, period_anchor
            FROM career_subscription_contexts WHERE period_source = 'free'
            """, []
        ) { row in
            var reader = row.reader
            let user = try reader.uuid()
            let number = try reader.integer()
            let times = try (0..<3).map { _ in Timestamp(clamping: try reader.integer()) }
            let (start, end, anchor) = (times[0], times[1], times[2])
            let month = BillingPeriod.month(containing: start, anchor: anchor, number: number)
            // Who came back while a deleted account's paid period ran has what was left of it.
            let isTheirs = month.start == start && month.end == end || number == 1 && end == anchor
            if !isTheirs {
                offences.add(
                    5, user, of: user, "a free month is none of those counted from its anchor",
                    unlessNamed: true)
            }
        }
    }
}
