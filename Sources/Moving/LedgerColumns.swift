extension PortableTable {
    /// The user's own limits in the account's row, and what counts against them.
    static let limitColumns: [Column] = [
        .text("limit_alerts"), .credits("daily_limit"), .credits("monthly_limit"),
        .time("limits_counted_at"), .credits("day_captured"), .credits("month_captured"),
        .credits("held_in_all"),
    ]
    /// What an account could spend before and after a call.
    static let balanceColumns: [Column] = [.credits("balance_before"), .credits("balance_after")]
}
