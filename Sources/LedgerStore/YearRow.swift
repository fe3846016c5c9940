import Database
import FoundationEssentials
import Ledger
import Values

/// How the year that an account's period is a month of lies in the account's row: NULL in all
/// columns where it is of none.
enum YearRow {
    static let columns =
        "year_invoice_id, year_start, year_end, year_plan_id, year_withheld, year_withheld_of"

    static func read(_ reader: inout RowReader) throws -> PaidYear? {
        let (invoice, start) = (try reader.optionalText(), try reader.optionalTime())
        let (end, plan) = (try reader.optionalTime(), try reader.optionalUUID())
        let withheld = try reader.optionalCredits()
        let withheldOf = try reader.optionalCredits()
        guard let invoice, let start, let end, let plan, let withheld else { return nil }
        return PaidYear(
            invoiceID: invoice, start: start, end: end, planID: plan, withheld: withheld,
            withheldOf: withheldOf)
    }

    static let update = """
        UPDATE career_subscription_contexts SET year_invoice_id = ?, year_start = ?,
            year_end = ?, year_plan_id = ?, year_withheld = ?, year_withheld_of = ?
        WHERE user_id = ?
        """

    static func update(_ account: Account) -> [SQLValue] {
        let year = account.context.year
        return [
            .text(year?.invoiceID), .time(year?.start), .time(year?.end), .uuid(year?.planID),
            .credits(year?.withheld), .credits(year?.withheldOf),
            .uuid(account.subscription.userID),
        ]
    }
}
