import Database

/// The user's own limits, and what counts against them: NULL in all columns of an account that has
/// none.
func spendingLimits(_ sql: SQLDialect) -> [String] {
    let account = "ALTER TABLE career_subscription_contexts ADD COLUMN"
    return [
        "\(account) limit_alerts TEXT",
        "\(account) daily_limit \(sql.bigint) CHECK (daily_limit >= 0)",
        "\(account) monthly_limit \(sql.bigint) CHECK (monthly_limit >= 0)",
        "\(account) limits_counted_at \(sql.bigint)",
        "\(account) day_captured \(sql.bigint) CHECK (day_captured >= 0)",
        "\(account) month_captured \(sql.bigint) CHECK (month_captured >= 0)",
        "\(account) held_in_all \(sql.bigint) CHECK (held_in_all >= 0)",
    ]
}
