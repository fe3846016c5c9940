/// The ledger of the API product as an export carries it: Career's tables under their other names,
/// without what only Career sells, and with what calls by key have beside.
extension PortableTable {
    static let apiLedger =
        ledger.map { table in
            table.twin(
                apiNames[table.name] ?? "api_" + table.name, renaming: ["user_id": "workspace_id"],
                without: ofCareer, more: ofKeys[table.name] ?? [])
        } + [
            PortableTable(
                "api_key_spending", key: "family_id",
                columns: [
                    .uuid("family_id"), .uuid("account_id"), .count("period_number"),
                    .credits("used"), .credits("held"),
                ])
        ]

    /// What is sold to users alone: automatic top-ups, and plans by the year.
    private static let ofCareer: Set<String> = [
        "top_up_below", "year_invoice_id", "year_start", "year_end", "year_plan_id",
        "year_withheld", "year_told_id", "year_withheld_of", "renewal_asked_at",
    ]

    private static let apiNames = [
        "career_subscription_contexts": "api_subscription_contexts",
        "career_usage_logs": "api_usage_logs", "career_usage_steps": "api_usage_steps",
    ]

    private static let ofKeys: [String: [Column]] = [
        "career_subscription_contexts": [
            .time("test_minute_started_at"), .count("test_minute_count"),
            .time("test_day_started_at"), .count("test_day_count"),
        ],
        "career_usage_logs": [.uuid("api_key_id"), .uuid("key_family_id"), .flag("is_test")],
    ]
}
