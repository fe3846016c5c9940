import Database

/// What was used of credits whose money went back is owed, and what a period had left when it ended
/// is not: an upgrade of it may be refunded after its turn.
func debts(_ sql: SQLDialect) -> [String] {
    [
        """
        ALTER TABLE career_subscription_contexts
        ADD COLUMN credits_owed \(sql.bigint) NOT NULL DEFAULT 0 CHECK (credits_owed >= 0)
        """,
        """
        ALTER TABLE career_subscription_contexts
        ADD COLUMN former_credits_left \(sql.bigint) NOT NULL DEFAULT 0
            CHECK (former_credits_left >= 0)
        """,
    ]
}
