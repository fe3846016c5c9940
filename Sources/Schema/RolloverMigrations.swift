import Database

/// What a pool has left may become a grant: the pool forfeits it by a line of a kind of its own,
/// and the grant knows how much may still join it. In SQLite only a new table takes another CHECK.
func rollover(_ sql: SQLDialect) -> [String] {
    [
        "ALTER TABLE standalone_grants ADD COLUMN room \(sql.bigint) NOT NULL DEFAULT 0"
            + " CHECK (room >= 0)",
        "ALTER TABLE credit_grants RENAME TO former_grants",
        """
        CREATE TABLE credit_grants (
            user_id \(sql.uuid) NOT NULL REFERENCES users (id),
            period_number \(sql.bigint) NOT NULL,
            kind TEXT NOT NULL
                CHECK (kind IN ('plan', 'upgrade', 'revocation', 'adjustment', 'forfeiture')),
            cause TEXT NOT NULL,
            credits \(sql.bigint) NOT NULL,
            reason TEXT,
            created_at \(sql.bigint) NOT NULL,
            PRIMARY KEY (user_id, period_number, kind, cause),
            CHECK (kind <> 'adjustment' OR reason IS NOT NULL),
            CHECK (kind <> 'forfeiture' OR credits < 0)
        )\(sql.keyedTableOptions)
        """,
        """
        INSERT INTO credit_grants (user_id, period_number, kind, cause, credits, reason, created_at)
        SELECT user_id, period_number, kind, cause, credits, reason, created_at FROM former_grants
        """,
        "DROP TABLE former_grants",
    ]
}
