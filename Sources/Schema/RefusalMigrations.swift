import Database

/// The latest refusal for want of credits of each subscription on each of its plans.
func creditRefusals(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE TABLE credit_refusals (
            subscription_id \(sql.uuid) NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
            plan_id \(sql.uuid) NOT NULL,
            feature_key TEXT NOT NULL,
            refused_at \(sql.bigint) NOT NULL,
            PRIMARY KEY (subscription_id, plan_id)
        )\(sql.keyedTableOptions)
        """,
        "CREATE INDEX credit_refusals_by_time ON credit_refusals (refused_at)",
    ]
}
