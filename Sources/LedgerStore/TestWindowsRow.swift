import Database
import FoundationEssentials
import Ledger

/// How the windows of test calls lie in an account's row, of accounts that are called by key.
enum TestWindowsRow {
    static let columns =
        "test_minute_started_at, test_minute_count, test_day_started_at, test_day_count"

    static func read(_ reader: inout RowReader) throws -> TestWindows {
        try TestWindows(
            minute: RateWindow(.minute, start: reader.time(), count: reader.count()),
            day: RateWindow(.day, start: reader.time(), count: reader.count()))
    }

    static let update = """
        UPDATE api_subscription_contexts SET test_minute_started_at = ?, test_minute_count = ?,
            test_day_started_at = ?, test_day_count = ?
        WHERE workspace_id = ?
        """

    /// `nil` for an account that made no test call.
    static func update(_ account: Account) -> [SQLValue]? {
        guard let windows = account.context.testWindows else { return nil }
        return [
            .time(windows.minute.start), .integer(windows.minute.count),
            .time(windows.day.start), .integer(windows.day.count),
            .uuid(account.subscription.userID),
        ]
    }
}
