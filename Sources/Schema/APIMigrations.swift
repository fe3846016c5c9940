import Database

/// The ledger of the API product: tables like Career's, whose accounts are held by workspaces. What
/// is called by key has the key with its log; limited keys have what they spent of a period.
func apiLedger(_ sql: SQLDialect) -> [String] {
    apiSubscriptions(sql) + apiAccounts(sql) + apiGrants(sql) + apiLogs(sql) + apiSteps(sql)
        + apiIndexes
}

private func apiSubscriptions(_ sql: SQLDialect) -> [String] {
    let statuses = """
        'active', 'trialing', 'past_due', 'incomplete', 'incomplete_expired', 'unpaid', \
        'paused', 'canceled'
        """
    return [
        """
        CREATE TABLE api_subscriptions (
            id \(sql.uuid) PRIMARY KEY,
            workspace_id \(sql.uuid) NOT NULL UNIQUE,
            plan_id \(sql.uuid) NOT NULL REFERENCES plans (id),
            status TEXT NOT NULL CHECK (status IN (\(statuses))),
            stripe_customer_id TEXT UNIQUE,
            stripe_subscription_id TEXT UNIQUE,
            cancel_at_period_end \(sql.bigint) NOT NULL CHECK (cancel_at_period_end IN (0, 1)),
            canceled_at \(sql.bigint),
            trial_end \(sql.bigint),
            trial_used \(sql.bigint) NOT NULL CHECK (trial_used IN (0, 1)),
            created_at \(sql.bigint) NOT NULL,
            updated_at \(sql.bigint) NOT NULL,
            cancel_at \(sql.bigint),
            scheduled_plan_id \(sql.uuid) REFERENCES plans (id),
            scheduled_at \(sql.bigint)
        )\(sql.keyedTableOptions)
        """,
        """
        CREATE TABLE api_subscription_changes (
            id \(sql.uuid) PRIMARY KEY,
            subscription_id \(sql.uuid) NOT NULL REFERENCES api_subscriptions (id),
            event TEXT NOT NULL,
            plan_id \(sql.uuid) NOT NULL,
            status TEXT NOT NULL,
            at \(sql.bigint) NOT NULL,
            stripe_customer_id TEXT,
            stripe_subscription_id TEXT,
            reason TEXT
        )\(sql.keyedTableOptions)
        """,
    ]
}

private func apiAccounts(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE TABLE api_subscription_contexts (
            workspace_id \(sql.uuid) PRIMARY KEY,
            standing TEXT NOT NULL DEFAULT 'active' CHECK (standing IN ('active', 'deactivated')),
            subscription_id \(sql.uuid) NOT NULL UNIQUE REFERENCES api_subscriptions (id),
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
            test_minute_started_at \(sql.bigint) NOT NULL DEFAULT 0,
            test_minute_count \(sql.bigint) NOT NULL DEFAULT 0 CHECK (test_minute_count >= 0),
            test_day_started_at \(sql.bigint) NOT NULL DEFAULT 0,
            test_day_count \(sql.bigint) NOT NULL DEFAULT 0 CHECK (test_day_count >= 0),
            earliest_expiry \(sql.bigint),
            open_grants \(sql.bigint) NOT NULL DEFAULT 0 CHECK (open_grants >= 0),
            decided_at \(sql.bigint) NOT NULL,
            limit_alerts TEXT,
            daily_limit \(sql.bigint) CHECK (daily_limit >= 0),
            monthly_limit \(sql.bigint) CHECK (monthly_limit >= 0),
            limits_counted_at \(sql.bigint),
            day_captured \(sql.bigint) CHECK (day_captured >= 0),
            month_captured \(sql.bigint) CHECK (month_captured >= 0),
            held_in_all \(sql.bigint) CHECK (held_in_all >= 0),
            CHECK (period_start < period_end)
        )\(sql.keyedTableOptions)
        """,
        """
        CREATE TABLE api_key_spending (
            family_id \(sql.uuid) PRIMARY KEY,
            account_id \(sql.uuid) NOT NULL,
            period_number \(sql.bigint) NOT NULL CHECK (period_number >= 1),
            used \(sql.bigint) NOT NULL CHECK (used >= 0),
            held \(sql.bigint) NOT NULL CHECK (held >= 0)
        )\(sql.keyedTableOptions)
        """,
    ]
}

private func apiGrants(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE TABLE api_credit_grants (
            workspace_id \(sql.uuid) NOT NULL,
            period_number \(sql.bigint) NOT NULL,
            kind TEXT NOT NULL
                CHECK (kind IN ('plan', 'upgrade', 'revocation', 'adjustment', 'forfeiture')),
            cause TEXT NOT NULL,
            credits \(sql.bigint) NOT NULL,
            reason TEXT,
            created_at \(sql.bigint) NOT NULL,
            PRIMARY KEY (workspace_id, period_number, kind, cause),
            CHECK (kind <> 'adjustment' OR reason IS NOT NULL),
            CHECK (kind <> 'forfeiture' OR credits < 0)
        )\(sql.keyedTableOptions)
        """,
        """
        CREATE TABLE api_standalone_grants (
            id \(sql.uuid) PRIMARY KEY,
            account_id \(sql.uuid) NOT NULL,
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
            room \(sql.bigint) NOT NULL DEFAULT 0 CHECK (room >= 0),
            UNIQUE (account_id, cause),
            CHECK (amount = remaining + held + captured + expired + taken_back)
        )\(sql.keyedTableOptions)
        """,
        """
        CREATE TABLE api_usage_draws (
            account_id \(sql.uuid) NOT NULL,
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

private func apiLogs(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE TABLE api_usage_logs (
            id \(sql.uuid) PRIMARY KEY,
            workspace_id \(sql.uuid) NOT NULL,
            api_key_id \(sql.uuid) NOT NULL,
            key_family_id \(sql.uuid) NOT NULL,
            is_test \(sql.bigint) NOT NULL CHECK (is_test IN (0, 1)),
            subscription_id \(sql.uuid) NOT NULL,
            period_number \(sql.bigint) NOT NULL,
            request_id TEXT NOT NULL,
            payload_hash TEXT NOT NULL CHECK (length(payload_hash) = 64),
            feature_key TEXT NOT NULL CHECK (feature_key LIKE 'api.%'),
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
            credits_captured \(sql.bigint) NOT NULL DEFAULT 0 CHECK (credits_captured >= 0),
            credits_released \(sql.bigint) NOT NULL DEFAULT 0 CHECK (credits_released >= 0),
            credits_not_charged \(sql.bigint) NOT NULL DEFAULT 0
                CHECK (credits_not_charged >= 0),
            is_late \(sql.bigint) NOT NULL DEFAULT 0 CHECK (is_late IN (0, 1)),
            commit_accepted_credits \(sql.bigint) CHECK (commit_accepted_credits >= 0),
            cached_input_tokens \(sql.bigint),
            reasoning_tokens \(sql.bigint),
            catalog_revision \(sql.bigint),
            pinned_plan_id \(sql.uuid)
                CHECK ((pinned_plan_id IS NULL) = (catalog_revision IS NULL)),
            has_draws \(sql.bigint) NOT NULL DEFAULT 0 CHECK (has_draws IN (0, 1)),
            balance_before \(sql.bigint),
            balance_after \(sql.bigint),
            credits_lent \(sql.bigint) NOT NULL DEFAULT 0 CHECK (credits_lent >= 0),
            parent_usage_id \(sql.uuid),
            credits_overused \(sql.bigint) NOT NULL DEFAULT 0 CHECK (credits_overused >= 0),
            CHECK ((commit_accepted_at IS NULL) = (commit_accepted_as IS NULL)),
            CHECK ((status = 'SUCCESS') = (credits_charged IS NOT NULL)),
            CHECK ((status = 'FAILED') = (failure_type IS NOT NULL)),
            CHECK ((status IN ('SUCCESS', 'FAILED')) = (committed_at IS NOT NULL)),
            CHECK (is_test = 0 OR credits_reserved = 0)
        )\(sql.keyedTableOptions)
        """
    ]
}

private func apiSteps(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE TABLE api_usage_steps (
            workspace_id \(sql.uuid) NOT NULL,
            usage_id \(sql.uuid) NOT NULL REFERENCES api_usage_logs (id),
            kind TEXT NOT NULL CHECK (kind IN ('extend', 'capture')),
            name TEXT NOT NULL,
            request TEXT NOT NULL,
            credits \(sql.bigint) NOT NULL CHECK (credits >= 0),
            credits_reserved \(sql.bigint) NOT NULL CHECK (credits_reserved >= 0),
            credits_charged \(sql.bigint) NOT NULL CHECK (credits_charged >= 0),
            expires_at \(sql.bigint) NOT NULL,
            created_at \(sql.bigint) NOT NULL,
            PRIMARY KEY (workspace_id, usage_id, kind, name)
        )\(sql.keyedTableOptions)
        """
    ]
}

/// As Career's tables have them; a request and a test of the same name are two.
private let apiIndexes = [
    "CREATE INDEX api_subscription_changes_of ON api_subscription_changes (subscription_id, id)",
    """
    CREATE INDEX api_standalone_grants_open ON api_standalone_grants (account_id)
    WHERE remaining > 0 OR held > 0
    """,
    """
    CREATE INDEX api_standalone_grants_by_expiry ON api_standalone_grants (expires_at)
    WHERE remaining > 0 AND expires_at IS NOT NULL
    """,
    """
    CREATE UNIQUE INDEX api_usage_logs_by_request
        ON api_usage_logs (workspace_id, request_id, payload_hash, is_test)
    """,
    "CREATE INDEX api_usage_logs_of_workspace ON api_usage_logs (workspace_id, id)",
    """
    CREATE INDEX api_usage_logs_pending
        ON api_usage_logs (workspace_id, expires_at) WHERE status = 'PENDING'
    """,
    """
    CREATE INDEX api_usage_logs_by_parent ON api_usage_logs (parent_usage_id)
    WHERE parent_usage_id IS NOT NULL
    """,
]
