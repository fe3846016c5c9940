import Database

/// What an account could spend right before a call held and right after the call ended: NULL of
/// calls from before.
func callBalances(_ sql: SQLDialect) -> [String] {
    let logs = "ALTER TABLE career_usage_logs ADD COLUMN"
    return [
        "\(logs) balance_before \(sql.bigint) CHECK (balance_before >= 0)",
        "\(logs) balance_after \(sql.bigint) CHECK (balance_after >= 0)",
    ]
}
