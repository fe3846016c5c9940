import Database

/// A catalog of each product: whose a plan, a feature or a pack is, and what seats cost. All that
/// there was is Career's.
func productCatalogs(_ sql: SQLDialect) -> [String] {
    let product = "TEXT NOT NULL DEFAULT 'career' CHECK (product IN ('career', 'api'))"
    let plans = "ALTER TABLE plans ADD COLUMN"
    return [
        "\(plans) product \(product)",
        "\(plans) seat_price_minor \(sql.bigint) CHECK (seat_price_minor >= 0)",
        """
        \(plans) min_seats \(sql.bigint)
            CHECK (min_seats >= 1 AND (min_seats IS NULL) = (seat_price_minor IS NULL))
        """,
        "\(plans) max_seats \(sql.bigint) CHECK (max_seats >= min_seats)",
        "\(plans) seat_lookup_key TEXT",
        "CREATE UNIQUE INDEX plans_by_seat_key ON plans (seat_lookup_key)",
        "ALTER TABLE credit_packs ADD COLUMN product \(product)",
    ] + featuresOfProducts(sql)
}

/// A constraint cannot be changed in SQLite: the table is made anew. Nothing refers to it.
private func featuresOfProducts(_ sql: SQLDialect) -> [String] {
    let columns = """
        feature_key, product_type, internal_cost_credits, is_active, token_prices, default_hold, \
        maximum_hold_seconds, overuse, late_commit_seconds
        """
    return [
        "ALTER TABLE feature_cost_configs RENAME TO former_features",
        """
        CREATE TABLE feature_cost_configs (
            feature_key TEXT PRIMARY KEY,
            product_type TEXT NOT NULL CHECK (product_type IN ('career', 'api')),
            internal_cost_credits \(sql.bigint) NOT NULL CHECK (internal_cost_credits >= 0),
            is_active \(sql.bigint) NOT NULL CHECK (is_active IN (0, 1)),
            token_prices TEXT,
            default_hold \(sql.bigint)
                CHECK (default_hold >= 0 AND (token_prices IS NULL OR default_hold IS NOT NULL)),
            maximum_hold_seconds \(sql.bigint) CHECK (maximum_hold_seconds > 0),
            overuse TEXT NOT NULL DEFAULT 'cap' CHECK (overuse IN ('cap', 'if_available')),
            late_commit_seconds \(sql.bigint) NOT NULL DEFAULT 0
                CHECK (late_commit_seconds >= 0),
            CHECK ((feature_key LIKE 'api.%') = (product_type = 'api'))
        )\(sql.keyedTableOptions)
        """,
        """
        INSERT INTO feature_cost_configs (\(columns))
        SELECT \(columns) FROM former_features
        """,
        "DROP TABLE former_features",
    ]
}
