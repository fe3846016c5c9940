import Database

/// Holds that grow and are charged in parts. What is new of a log is nothing for most of them, so
/// that a call that holds a fixed amount for a fixed time is written as before. A step is what was
/// done with a hold between its beginning and its end.
func holds(_ sql: SQLDialect) -> [String] {
    let logs = "ALTER TABLE career_usage_logs ADD COLUMN"
    return [
        "\(logs) credits_captured \(sql.bigint) NOT NULL DEFAULT 0 CHECK (credits_captured >= 0)",
        "\(logs) credits_released \(sql.bigint) NOT NULL DEFAULT 0 CHECK (credits_released >= 0)",
        """
        \(logs) credits_not_charged \(sql.bigint) NOT NULL DEFAULT 0
            CHECK (credits_not_charged >= 0)
        """,
        "\(logs) is_late \(sql.bigint) NOT NULL DEFAULT 0 CHECK (is_late IN (0, 1))",
        """
        \(logs) commit_accepted_credits \(sql.bigint)
            CHECK (commit_accepted_credits >= 0)
        """,
        "\(logs) cached_input_tokens \(sql.bigint)",
        "\(logs) reasoning_tokens \(sql.bigint)",
        "\(logs) catalog_revision \(sql.bigint)",
        """
        \(logs) pinned_plan_id \(sql.uuid)
            CHECK ((pinned_plan_id IS NULL) = (catalog_revision IS NULL))
        """,
        """
        CREATE TABLE career_usage_steps (
            user_id \(sql.uuid) NOT NULL REFERENCES users (id),
            usage_id \(sql.uuid) NOT NULL REFERENCES career_usage_logs (id),
            kind TEXT NOT NULL CHECK (kind IN ('extend', 'capture')),
            name TEXT NOT NULL,
            request TEXT NOT NULL,
            credits \(sql.bigint) NOT NULL CHECK (credits >= 0),
            credits_reserved \(sql.bigint) NOT NULL CHECK (credits_reserved >= 0),
            credits_charged \(sql.bigint) NOT NULL CHECK (credits_charged >= 0),
            expires_at \(sql.bigint) NOT NULL,
            created_at \(sql.bigint) NOT NULL,
            PRIMARY KEY (user_id, usage_id, kind, name)
        )\(sql.keyedTableOptions)
        """,
    ]
}
