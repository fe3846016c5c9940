import Database

func ledgerTables(_ sql: SQLDialect) -> [String] {
    subscriptionTables(sql) + usageTables(sql)
}

private func subscriptionTables(_ sql: SQLDialect) -> [String] {
    let statuses = """
        'active', 'trialing', 'past_due', 'incomplete', 'incomplete_expired', 'unpaid', \
        'paused', 'canceled'
        """
    return [
        """
        CREATE TABLE subscriptions (
            id \(sql.uuid) PRIMARY KEY,
            user_id \(sql.uuid) NOT NULL UNIQUE REFERENCES users (id),
            plan_id \(sql.uuid) NOT NULL REFERENCES plans (id),
            status TEXT NOT NULL CHECK (status IN (\(statuses))),
            stripe_customer_id TEXT UNIQUE,
            stripe_subscription_id TEXT UNIQUE,
            cancel_at_period_end \(sql.bigint) NOT NULL CHECK (cancel_at_period_end IN (0, 1)),
            canceled_at \(sql.bigint),
            trial_end \(sql.bigint),
            trial_used \(sql.bigint) NOT NULL CHECK (trial_used IN (0, 1)),
            created_at \(sql.bigint) NOT NULL,
            updated_at \(sql.bigint) NOT NULL
        )\(sql.keyedTableOptions)
        """,
        """
        CREATE TABLE subscription_changes (
            id \(sql.uuid) PRIMARY KEY,
            subscription_id \(sql.uuid) NOT NULL REFERENCES subscriptions (id),
            event TEXT NOT NULL,
            plan_id \(sql.uuid) NOT NULL,
            status TEXT NOT NULL,
            at \(sql.bigint) NOT NULL
        )\(sql.keyedTableOptions)
        """,
        "CREATE INDEX subscription_changes_of ON subscription_changes (subscription_id, id)",
        // The user's position: counters of the running period, and the two rate windows.
        """
        CREATE TABLE career_subscription_contexts (
            user_id \(sql.uuid) PRIMARY KEY REFERENCES users (id),
            subscription_id \(sql.uuid) NOT NULL UNIQUE REFERENCES subscriptions (id),
            period_number \(sql.bigint) NOT NULL CHECK (period_number >= 1),
            period_start \(sql.bigint) NOT NULL,
            period_end \(sql.bigint) NOT NULL,
            period_source TEXT NOT NULL CHECK (period_source IN ('free', 'paid')),
            period_plan_id \(sql.uuid) NOT NULL REFERENCES plans (id),
            period_anchor \(sql.bigint) NOT NULL,
            credits_allocated \(sql.bigint) NOT NULL,
            credits_used \(sql.bigint) NOT NULL CHECK (credits_used >= 0),
            credits_reserved \(sql.bigint) NOT NULL CHECK (credits_reserved >= 0),
            minute_started_at \(sql.bigint) NOT NULL,
            minute_count \(sql.bigint) NOT NULL CHECK (minute_count >= 0),
            day_started_at \(sql.bigint) NOT NULL,
            day_count \(sql.bigint) NOT NULL CHECK (day_count >= 0),
            decided_at \(sql.bigint) NOT NULL,
            CHECK (period_start < period_end)
        )\(sql.keyedTableOptions)
        """,
    ]
}

private func usageTables(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE TABLE credit_grants (
            user_id \(sql.uuid) NOT NULL REFERENCES users (id),
            period_number \(sql.bigint) NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN ('plan', 'upgrade', 'revocation', 'adjustment')),
            cause TEXT NOT NULL,
            credits \(sql.bigint) NOT NULL,
            reason TEXT,
            created_at \(sql.bigint) NOT NULL,
            PRIMARY KEY (user_id, period_number, kind, cause),
            CHECK (kind <> 'adjustment' OR reason IS NOT NULL)
        )\(sql.keyedTableOptions)
        """,
        """
        CREATE TABLE career_usage_logs (
            id \(sql.uuid) PRIMARY KEY,
            user_id \(sql.uuid) NOT NULL REFERENCES users (id),
            subscription_id \(sql.uuid) NOT NULL,
            period_number \(sql.bigint) NOT NULL,
            request_id TEXT NOT NULL,
            payload_hash TEXT NOT NULL CHECK (length(payload_hash) = 64),
            feature_key TEXT NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('PENDING', 'SUCCESS', 'FAILED', 'EXPIRED')),
            credits_reserved \(sql.bigint) NOT NULL CHECK (credits_reserved >= 0),
            credits_charged \(sql.bigint) CHECK (credits_charged >= 0),
            endpoint TEXT NOT NULL,
            method TEXT NOT NULL,
            client_ip TEXT,
            user_agent TEXT,
            input_chars \(sql.bigint),
            max_output_tokens \(sql.bigint),
            model TEXT,
            created_at \(sql.bigint) NOT NULL,
            expires_at \(sql.bigint) NOT NULL,
            committed_at \(sql.bigint),
            commit_accepted_at \(sql.bigint),
            commit_accepted_as TEXT CHECK (commit_accepted_as IN ('SUCCESS', 'FAILED')),
            model_used TEXT,
            input_tokens \(sql.bigint),
            output_tokens \(sql.bigint),
            latency_ms \(sql.bigint),
            failure_type TEXT,
            failure_reason TEXT,
            CHECK ((commit_accepted_at IS NULL) = (commit_accepted_as IS NULL)),
            CHECK ((status = 'SUCCESS') = (credits_charged IS NOT NULL)),
            CHECK ((status = 'FAILED') = (failure_type IS NOT NULL)),
            CHECK ((status IN ('SUCCESS', 'FAILED')) = (committed_at IS NOT NULL))
        )\(sql.keyedTableOptions)
        """,
        """
        CREATE UNIQUE INDEX career_usage_logs_by_request
            ON career_usage_logs (user_id, request_id, payload_hash)
        """,
        "CREATE INDEX career_usage_logs_of_user ON career_usage_logs (user_id, id)",
        // Only what is still held: the sweeper and an account's overdue reservations.
        """
        CREATE INDEX career_usage_logs_pending
            ON career_usage_logs (user_id, expires_at) WHERE status = 'PENDING'
        """,
    ]
}

/// The ids at Stripe that a change led to: they change like the plan and the status, and the
/// history is to tell all of it. Lines from before know none.
func historysStripeIDs(_ sql: SQLDialect) -> [String] {
    [
        "ALTER TABLE subscription_changes ADD COLUMN stripe_customer_id TEXT",
        "ALTER TABLE subscription_changes ADD COLUMN stripe_subscription_id TEXT",
    ]
}
