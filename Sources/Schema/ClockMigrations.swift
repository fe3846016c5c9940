import Database

/// A line of the history that an operator caused says why. An account's last decision is the newest
/// of its rows: until now an expiry that was noticed late had moved it further.
func clocksAhead(_ sql: SQLDialect) -> [String] {
    [
        "ALTER TABLE subscription_changes ADD COLUMN reason TEXT",
        """
        UPDATE career_subscription_contexts SET decided_at = coalesce((
            SELECT max(kept.at) FROM (
                SELECT max(l.created_at) AS at FROM career_usage_logs l
                WHERE l.user_id = career_subscription_contexts.user_id
                UNION ALL
                SELECT max(l.committed_at) FROM career_usage_logs l
                WHERE l.user_id = career_subscription_contexts.user_id
                UNION ALL
                SELECT max(l.expires_at) FROM career_usage_logs l
                WHERE l.user_id = career_subscription_contexts.user_id AND l.status = 'EXPIRED'
                UNION ALL
                SELECT max(g.created_at) FROM credit_grants g
                WHERE g.user_id = career_subscription_contexts.user_id
                UNION ALL
                SELECT max(h.at) FROM subscription_changes h
                WHERE h.subscription_id = career_subscription_contexts.subscription_id
            ) kept), decided_at)
        """,
    ]
}
