import Database

/// Operators are whoever may run `cuebx` on the database; the mark said nothing.
func dropOperatorMark(_ sql: SQLDialect) -> [String] {
    ["ALTER TABLE users DROP COLUMN is_operator"]
}

/// What ``IdentitySweeper`` looks for, in the order in which it erases.
func sweepIndexes(_ sql: SQLDialect) -> [String] {
    [
        "CREATE INDEX auth_throttles_by_start ON auth_throttles (window_started_at)",
        "CREATE INDEX one_time_codes_by_expiry ON one_time_codes (expires_at)",
        "CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at)",
        "CREATE INDEX sessions_by_expiry ON sessions (expires_at)",
        "CREATE INDEX mails_by_age ON mails (created_at)",
    ]
}

/// Whether who deleted their account had ever bought a plan; a trial is one that was bought.
func formerBuyers(_ sql: SQLDialect) -> [String] {
    [
        """
        ALTER TABLE former_accounts ADD COLUMN has_bought \(sql.bigint) NOT NULL DEFAULT 0
            CHECK (has_bought IN (0, 1))
        """,
        "UPDATE former_accounts SET has_bought = trial_used",
    ]
}
