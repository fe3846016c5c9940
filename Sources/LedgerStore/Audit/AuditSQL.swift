import Database
import Ledger
import Values

/// Pieces of SQL that several checks share. `c` is an account.
enum AuditSQL {
    /// No operator has brought the account back from the future: its rows are in the order of time.
    static let neverReset = """
        NOT EXISTS (SELECT 1 FROM subscription_changes h
            WHERE h.subscription_id = c.subscription_id AND h.event = '\(ResetClock.event)')
        """

    static func isNoTime(_ column: String) -> String {
        "\(column) NOT BETWEEN 0 AND \(Timestamp.range.upperBound)"
    }

    /// The time, or 0 in the place of a number that is none: arithmetic on it cannot overflow.
    static func time(_ column: String) -> String {
        "CASE WHEN \(isNoTime(column)) THEN 0 ELSE \(column) END"
    }

    static func credits(_ column: String, _ largest: Int64 = Credits.range.upperBound) -> String {
        "CASE WHEN \(column) BETWEEN \(-largest) AND \(largest) THEN \(column) ELSE 0 END"
    }

    /// What a log was charged. Of every amount that is summed a number that is none counts as 0:
    /// one broken row must not end the audit, which names the row by a check of its own.
    static func charged(_ log: String) -> String {
        "(\(credits(UsageLogRow.charged(log), Credits.maximum.micros)))"
    }

    /// What a PENDING log holds.
    static func held(_ log: String) -> String {
        let parts = ["reserved", "captured", "lent"].map {
            "(\(credits("\(log).credits_\($0)", Credits.maximum.micros)))"
        }
        return parts.joined(separator: " - ")
    }

    /// Whether an id of version 7 tells another millisecond than the column.
    static func isNotOf(_ id: String, _ column: String, _ sql: SQLDialect) -> String {
        let time = "(\(time(column))) / 1000"
        return sql == .sqlite
            ? "lower(hex(substr(\(id), 1, 6))) <> printf('%012x', \(time))"
            : "left(replace(CAST(\(id) AS TEXT), '-', ''), 12) <> lpad(to_hex(\(time)), 12, '0')"
    }
}
