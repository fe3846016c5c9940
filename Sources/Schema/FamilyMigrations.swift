import Database

/// A hold that was taken out of another call's hold names that call, its parent; a parent knows
/// what it has lent. What a call took beyond its hold is kept, too. Most calls have none of it.
func families(_ sql: SQLDialect) -> [String] {
    let logs = "ALTER TABLE career_usage_logs ADD COLUMN"
    return [
        "\(logs) credits_lent \(sql.bigint) NOT NULL DEFAULT 0 CHECK (credits_lent >= 0)",
        "\(logs) parent_usage_id \(sql.uuid)",
        "\(logs) credits_overused \(sql.bigint) NOT NULL DEFAULT 0 CHECK (credits_overused >= 0)",
        """
        CREATE INDEX usage_logs_by_parent ON career_usage_logs (parent_usage_id)
        WHERE parent_usage_id IS NOT NULL
        """,
    ]
}
