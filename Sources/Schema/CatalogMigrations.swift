import Database

/// Prices of tokens, what a hold may be, what a plan's period hands on to the next, and what
/// replaced catalogs charged.
func tokenPrices(_ sql: SQLDialect) -> [String] {
    let features = "ALTER TABLE feature_cost_configs ADD COLUMN"
    let plans = "ALTER TABLE plan_pricing_rules ADD COLUMN"
    return [
        // A JSON text, read and never queried.
        "\(features) token_prices TEXT",
        """
        \(features) default_hold \(sql.bigint)
            CHECK (default_hold >= 0 AND (token_prices IS NULL OR default_hold IS NOT NULL))
        """,
        "\(features) maximum_hold_seconds \(sql.bigint) CHECK (maximum_hold_seconds > 0)",
        """
        \(features) overuse TEXT NOT NULL DEFAULT 'cap'
            CHECK (overuse IN ('cap', 'if_available'))
        """,
        """
        \(features) late_commit_seconds \(sql.bigint) NOT NULL DEFAULT 0
            CHECK (late_commit_seconds >= 0)
        """,
        "\(plans) rollover_max_credits \(sql.bigint) CHECK (rollover_max_credits > 0)",
        """
        \(plans) rollover_periods \(sql.bigint) CHECK (rollover_periods > 0)
            CHECK ((rollover_periods IS NULL) = (rollover_max_credits IS NULL))
        """,
        """
        CREATE TABLE former_catalogs (
            revision \(sql.bigint) PRIMARY KEY,
            features TEXT NOT NULL,
            multipliers TEXT NOT NULL,
            replaced_at \(sql.bigint) NOT NULL
        )\(sql.keyedTableOptions)
        """,
    ]
}

/// Credits that are sold by themselves.
func creditPacks(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE TABLE credit_packs (
            id \(sql.uuid) PRIMARY KEY,
            name TEXT NOT NULL,
            price_minor \(sql.bigint) NOT NULL CHECK (price_minor >= 0),
            currency TEXT NOT NULL CHECK (length(currency) = 3),
            credits \(sql.bigint) NOT NULL CHECK (credits > 0),
            valid_days \(sql.bigint) CHECK (valid_days > 0),
            lookup_key TEXT NOT NULL,
            is_active \(sql.bigint) NOT NULL CHECK (is_active IN (0, 1)),
            updated_at \(sql.bigint) NOT NULL
        )\(sql.keyedTableOptions)
        """,
        "CREATE UNIQUE INDEX credit_packs_by_key ON credit_packs (lookup_key) WHERE is_active = 1",
    ]
}

/// The files that catalogs came from, and what an operator is about to publish.
func catalogRevisions(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE TABLE catalog_revisions (
            revision \(sql.bigint) PRIMARY KEY,
            file TEXT NOT NULL,
            is_published \(sql.bigint) NOT NULL CHECK (is_published IN (0, 1)),
            made_by TEXT NOT NULL,
            reason TEXT,
            created_at \(sql.bigint) NOT NULL
        )\(sql.tableOptions)
        """,
        """
        CREATE TABLE catalog_drafts (
            operator_id \(sql.uuid) PRIMARY KEY REFERENCES operators (id) ON DELETE CASCADE,
            file TEXT NOT NULL,
            updated_at \(sql.bigint) NOT NULL
        )\(sql.keyedTableOptions)
        """,
    ]
}
