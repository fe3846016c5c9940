import Database

/// Codes that users redeem for credits. Who has redeemed one is kept under a keyed hash of the
/// email, so that who deletes an account and signs up again is the same user.
func promotionCodes(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE TABLE promotion_codes (
            code TEXT PRIMARY KEY,
            credits \(sql.bigint) NOT NULL CHECK (credits > 0),
            total \(sql.bigint) NOT NULL CHECK (total > 0),
            redeemed \(sql.bigint) NOT NULL CHECK (redeemed >= 0 AND redeemed <= total),
            starts_at \(sql.bigint) NOT NULL,
            ends_at \(sql.bigint),
            valid_days \(sql.bigint) CHECK (valid_days > 0),
            created_at \(sql.bigint) NOT NULL,
            CHECK (ends_at IS NULL OR ends_at >= starts_at)
        )\(sql.keyedTableOptions)
        """,
        """
        CREATE TABLE code_redemptions (
            code TEXT NOT NULL REFERENCES promotion_codes (code),
            user_hash \(sql.blob) NOT NULL,
            grant_id \(sql.uuid) NOT NULL UNIQUE,
            redeemed_at \(sql.bigint) NOT NULL,
            PRIMARY KEY (code, user_hash)
        )\(sql.keyedTableOptions)
        """,
        // How often a user has guessed wrong within the window.
        """
        CREATE TABLE code_attempts (
            user_id \(sql.uuid) PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
            wrong \(sql.bigint) NOT NULL CHECK (wrong >= 0),
            window_started_at \(sql.bigint) NOT NULL
        )\(sql.keyedTableOptions)
        """,
    ]
}
