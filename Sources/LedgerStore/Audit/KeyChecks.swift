import Database

/// What must be true of calls by key beside what is true of every call.
enum KeyChecks {
    static let all = [
        RowCheck("a test call holds or was charged something") { _ in
            """
            SELECT l.workspace_id, l.id FROM api_usage_logs l
            WHERE l.is_test <> 0 AND (l.credits_reserved <> 0 OR l.credits_charged <> 0
                OR l.credits_captured <> 0 OR l.credits_not_charged <> 0
                OR l.credits_lent <> 0)
            """
        },
        RowCheck("a feature of another product was called by key") { _ in
            """
            SELECT l.workspace_id, l.id FROM api_usage_logs l
            JOIN feature_cost_configs f ON f.feature_key = l.feature_key
            WHERE f.product_type <> 'api'
            """
        },
        RowCheck("a window of tests is none of UTC's, or counts what is not there") { _ in
            """
            SELECT c.workspace_id, c.workspace_id FROM api_subscription_contexts c
            WHERE c.test_minute_started_at % 60000000 <> 0 OR c.test_minute_count < 0
                OR c.test_day_started_at % 86400000000 <> 0 OR c.test_day_count < 0
            """
        },
        RowCheck("what a family of keys has spent is not the sum of its calls") { _ in
            """
            SELECT k.account_id, k.family_id FROM api_key_spending k
            JOIN api_subscription_contexts c
                ON c.workspace_id = k.account_id AND c.period_number = k.period_number
            LEFT JOIN (SELECT l.workspace_id, l.key_family_id, l.period_number,
                    sum(\(AuditSQL.charged("l"))) AS used,
                    sum(CASE WHEN l.status = 'PENDING' THEN \(AuditSQL.held("l")) ELSE 0 END)
                        AS held
                FROM api_usage_logs l
                WHERE l.key_family_id IN (SELECT family_id FROM api_key_spending)
                GROUP BY l.workspace_id, l.key_family_id, l.period_number) s
                ON s.workspace_id = k.account_id AND s.key_family_id = k.family_id
                    AND s.period_number = k.period_number
            WHERE k.used <> coalesce(s.used, 0) OR k.held <> coalesce(s.held, 0)
            """
        },
        RowCheck("a family of keys has spent of no account, or of a period to come") { _ in
            """
            SELECT k.account_id, k.family_id FROM api_key_spending k
            LEFT JOIN api_subscription_contexts c ON c.workspace_id = k.account_id
            WHERE c.workspace_id IS NULL OR c.period_number < k.period_number
            """
        },
    ]
}
