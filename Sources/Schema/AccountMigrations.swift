import Database

/// The account's row comes to hold all that a decision on a call needs: whether its holder may act,
/// the plan and status of its subscription, and when the first of its holds may lapse.
func accountRows(_ sql: SQLDialect) -> [String] {
    let kept = """
        period_number, period_start, period_end, period_source, period_plan_id, period_anchor, \
        credits_allocated, credits_used, credits_reserved, credits_owed, former_credits_left, \
        minute_started_at, minute_count, day_started_at, day_count
        """
    return [
        "ALTER TABLE career_subscription_contexts RENAME TO former_contexts",
        """
        CREATE TABLE career_subscription_contexts (
            user_id \(sql.uuid) PRIMARY KEY REFERENCES users (id),
            standing TEXT NOT NULL DEFAULT 'active' CHECK (standing IN ('active', 'deactivated')),
            subscription_id \(sql.uuid) NOT NULL UNIQUE REFERENCES subscriptions (id),
            plan_id \(sql.uuid) NOT NULL REFERENCES plans (id),
            subscription_status TEXT NOT NULL,
            period_number \(sql.bigint) NOT NULL CHECK (period_number >= 1),
            period_start \(sql.bigint) NOT NULL,
            period_end \(sql.bigint) NOT NULL,
            period_source TEXT NOT NULL CHECK (period_source IN ('free', 'paid')),
            period_plan_id \(sql.uuid) NOT NULL REFERENCES plans (id),
            period_anchor \(sql.bigint) NOT NULL,
            credits_allocated \(sql.bigint) NOT NULL,
            credits_used \(sql.bigint) NOT NULL CHECK (credits_used >= 0),
            credits_reserved \(sql.bigint) NOT NULL CHECK (credits_reserved >= 0),
            credits_owed \(sql.bigint) NOT NULL DEFAULT 0 CHECK (credits_owed >= 0),
            former_credits_left \(sql.bigint) NOT NULL DEFAULT 0
                CHECK (former_credits_left >= 0),
            minute_started_at \(sql.bigint) NOT NULL,
            minute_count \(sql.bigint) NOT NULL CHECK (minute_count >= 0),
            day_started_at \(sql.bigint) NOT NULL,
            day_count \(sql.bigint) NOT NULL CHECK (day_count >= 0),
            earliest_expiry \(sql.bigint),
            decided_at \(sql.bigint) NOT NULL,
            CHECK (period_start < period_end)
        )\(sql.keyedTableOptions)
        """,
        """
        INSERT INTO career_subscription_contexts (user_id, standing, subscription_id, plan_id,
            subscription_status, \(kept), earliest_expiry, decided_at)
        SELECT c.user_id, CASE u.is_active WHEN 1 THEN 'active' ELSE 'deactivated' END,
            c.subscription_id, s.plan_id, s.status, \(kept), (
                SELECT min(l.expires_at) FROM career_usage_logs l
                WHERE l.user_id = c.user_id AND l.status = 'PENDING'
                    AND l.commit_accepted_at IS NULL),
            c.decided_at
        FROM former_contexts c JOIN users u ON u.id = c.user_id
        JOIN subscriptions s ON s.id = c.subscription_id
        """,
        "DROP TABLE former_contexts",
    ]
}
