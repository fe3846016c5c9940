import Database

/// Grants with an identity beside the pool of a period, and what calls draw of them. Only an
/// account that has such grants has any of it: the account knows how many are open, a log whether
/// it has draws.
func standaloneGrants(_ sql: SQLDialect) -> [String] {
    [
        """
        ALTER TABLE career_subscription_contexts
        ADD COLUMN open_grants \(sql.bigint) NOT NULL DEFAULT 0 CHECK (open_grants >= 0)
        """,
        """
        ALTER TABLE career_usage_logs
        ADD COLUMN has_draws \(sql.bigint) NOT NULL DEFAULT 0 CHECK (has_draws IN (0, 1))
        """,
        """
        CREATE TABLE standalone_grants (
            id \(sql.uuid) PRIMARY KEY,
            account_id \(sql.uuid) NOT NULL REFERENCES users (id),
            source TEXT NOT NULL
                CHECK (source IN ('rollover', 'top_up', 'promotion', 'compensation')),
            amount \(sql.bigint) NOT NULL CHECK (amount > 0),
            priority \(sql.bigint) NOT NULL CHECK (priority BETWEEN 0 AND 100),
            effective_at \(sql.bigint) NOT NULL,
            expires_at \(sql.bigint),
            is_paid \(sql.bigint) NOT NULL CHECK (is_paid IN (0, 1)),
            cause TEXT NOT NULL,
            reason TEXT,
            actor TEXT,
            created_at \(sql.bigint) NOT NULL,
            remaining \(sql.bigint) NOT NULL CHECK (remaining >= 0),
            held \(sql.bigint) NOT NULL CHECK (held >= 0),
            captured \(sql.bigint) NOT NULL CHECK (captured >= 0),
            expired \(sql.bigint) NOT NULL CHECK (expired >= 0),
            taken_back \(sql.bigint) NOT NULL CHECK (taken_back >= 0),
            take_back_total \(sql.bigint) NOT NULL CHECK (take_back_total >= taken_back),
            is_frozen \(sql.bigint) NOT NULL CHECK (is_frozen IN (0, 1)),
            UNIQUE (account_id, cause),
            CHECK (amount = remaining + held + captured + expired + taken_back)
        )\(sql.keyedTableOptions)
        """,
        """
        CREATE INDEX standalone_grants_open ON standalone_grants (account_id)
        WHERE remaining > 0 OR held > 0
        """,
        """
        CREATE INDEX standalone_grants_by_expiry ON standalone_grants (expires_at)
        WHERE remaining > 0 AND expires_at IS NOT NULL
        """,
        """
        CREATE TABLE usage_draws (
            account_id \(sql.uuid) NOT NULL REFERENCES users (id),
            usage_id \(sql.uuid) NOT NULL,
            position \(sql.bigint) NOT NULL CHECK (position >= 0),
            grant_id \(sql.uuid),
            period_number \(sql.bigint),
            held \(sql.bigint) NOT NULL CHECK (held >= 0),
            captured \(sql.bigint) NOT NULL CHECK (captured >= 0),
            PRIMARY KEY (account_id, usage_id, position),
            CHECK ((grant_id IS NULL) <> (period_number IS NULL))
        )\(sql.keyedTableOptions)
        """,
    ]
}
