import Database
import Ledger
import Values

/// A period of who has paid for a year is a month counted from the year's start, granted by the
/// year's invoice.
enum PaidMonths {
    static let all = [
        RowCheck("a year that is paid for is known in part, or of no plan by the year") { _ in
            let parts = ["year_start", "year_end", "year_plan_id", "year_withheld"]
                .map { "(c.\($0) IS NULL) <> (c.year_invoice_id IS NULL)" }
            let values =
                ["year_start", "year_end", "renewal_asked_at"].map { AuditSQL.isNoTime("c.\($0)") }
                + [
                    "c.year_withheld NOT BETWEEN 0 AND \(Credits.maximum.micros)",
                    "c.year_withheld_of NOT BETWEEN 1 AND \(Credits.maximum.micros)",
                    "c.year_withheld_of IS NOT NULL AND c.year_invoice_id IS NULL",
                    "c.year_invoice_id = ''", "c.year_start >= c.year_end",
                    """
                    c.year_plan_id IS NOT NULL
                        AND (p.id IS NULL OR p.billing_interval <> 'year')
                    """,
                ]
            return """
                SELECT c.user_id, c.user_id FROM career_subscription_contexts c
                LEFT JOIN plans p ON p.id = c.year_plan_id
                WHERE \((parts + values).joined(separator: " OR "))
                """
        }
    ]

    static func check(in connection: any DatabaseConnection, _ offences: inout Offences) throws {
        try connection.forEachRow(
            """
            SELECT c.user_id, c.period_number, c.period_start, c.period_end, c.period_source,
                coalesce(g.cause, ''), \(YearRow.columns)
            FROM career_subscription_contexts c
            LEFT JOIN credit_grants g ON g.user_id = c.user_id
                AND g.period_number = c.period_number AND g.kind = 'plan'
            WHERE c.year_invoice_id IS NOT NULL
            """, []
        ) { row in
            var reader = row.reader
            let user = try reader.uuid()
            let number = try reader.integer()
            let times = try (0..<2).map { _ in Timestamp(clamping: try reader.integer()) }
            let (source, cause) = (try reader.text(), try reader.text())
            guard let year = try YearRow.read(&reader) else { return }
            let month = year.month(containing: times[0], number: number)
            let isTheirs = month.start == times[0] && month.end == times[1] && source == "paid"
            // Of a month that was begun too early the number is another's.
            let isOfInvoice = cause == year.invoiceID || cause.hasPrefix(year.invoiceID + " ")
            if !isTheirs || !isOfInvoice {
                offences.add(
                    5, user, of: user, "a month of a paid year is none of those of its invoice",
                    unlessNamed: true)
            }
        }
    }
}
