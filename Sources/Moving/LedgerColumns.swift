extension PortableTable {
    /// The user's own limits in the account's row, and what counts against them.
    static let limitColumns: [Column] = [
        .text("limit_alerts"), .credits("daily_limit"), .credits("monthly_limit"),
        .time("limits_counted_at"), .credits("day_captured"), .credits("month_captured"),
        .credits("held_in_all"), .credits("top_up_below"),
    ]
    /// The year that an account's period is a month of.
    static let yearColumns: [Column] = [
        .text("year_invoice_id"), .time("year_start"), .time("year_end"), .uuid("year_plan_id"),
        .credits("year_withheld"), .text("year_told_id"), .credits("year_withheld_of"),
        .time("renewal_asked_at"),
    ]
    /// What an account could spend before and after a call.
    static let balanceColumns: [Column] = [.credits("balance_before"), .credits("balance_after")]
    /// Out of whose hold a call's was taken, what it has lent itself and what it took beyond.
    static let familyColumns: [Column] = [
        .uuid("parent_usage_id"), .credits("credits_lent"), .credits("credits_overused"),
    ]
}
