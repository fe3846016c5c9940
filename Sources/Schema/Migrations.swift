import Database

/// The schema, step by step. A released step is never edited; a change is a new one at the end.
public let migrations: [Migration] = [
    Migration("installation", installation),
    Migration("catalog", catalogTables),
    Migration("identity", identityTables),
    Migration("ledger", ledgerTables),
    Migration("messages", messageTables),
    Migration("billing", billingTables),
    Migration("operator mark", dropOperatorMark),
    Migration("identity sweeping", sweepIndexes),
    Migration("rabbitmq", rabbitMQTables),
    Migration("import mark", importMark),
    Migration("queues' shares", queueShares),
    Migration("history's Stripe ids", historysStripeIDs),
    Migration("codes of networks", codesOfNetworks),
    Migration("sealed mails", sealedMails),
    Migration("ends of strangers' rows", endsOfStrangersRows),
    Migration("provider's profile", providersProfile),
    Migration("debts", debts),
    Migration("deletions under way", deletionsUnderWay),
    Migration("ends and attempts at Stripe", endsAndAttempts),
    Migration("clocks that were ahead", clocksAhead),
    Migration("messages' envelopes", messageEnvelopes),
    Migration("account rows", accountRows),
    Migration("token prices", tokenPrices),
    Migration("credit packs", creditPacks),
    Migration("pages' sessions", pageSessions),
    Migration("holds that grow", holds),
    Migration("operators", operatorTables),
    Migration("standalone grants", standaloneGrants),
    Migration("pack purchases", packPurchases),
    Migration("promotion codes", promotionCodes),
    Migration("scheduled plans", scheduledPlans),
    Migration("spending limits", spendingLimits),
    Migration("balances of calls", callBalances),
    Migration("console indexes", consoleIndexes),
    Migration("analysis results", analysisResults),
    Migration("rollover", rollover),
    Migration("catalogs of products", productCatalogs),
    Migration("workspaces", workspaceTables),
    Migration("time zones", timeZones),
    Migration("catalog revisions", catalogRevisions),
    Migration("families", families),
    Migration("automatic top-ups", automaticTopUps),
    Migration("former buyers", formerBuyers),
    Migration("ledger of the API", apiLedger),
    Migration("yearly plans", yearlyPlans),
    Migration("billing emails", billingEmails),
    Migration("refusals", creditRefusals),
    Migration("shares and prices of years", sharesAndPricesOfYears),
    Migration("ends of billing codes", endsOfBillingCodes),
    Migration("billing of workspaces", workspaceBilling),
    Migration("changes of seats", planChanges),
    Migration("deletions of workspaces", workspaceDeletions),
    Migration("packs of workspaces", packPurchasesOfWorkspaces),
]

/// In which a user reads dates: a name of the IANA database; null is UTC.
private func timeZones(_ sql: SQLDialect) -> [String] {
    ["ALTER TABLE users ADD COLUMN time_zone TEXT CHECK (length(time_zone) BETWEEN 1 AND 64)"]
}

/// What belongs to this database as a whole: the secret under which emails of deleted accounts are
/// hashed, and the development clock's offset.
private func installation(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE TABLE installation (
            id \(sql.bigint) PRIMARY KEY CHECK (id = 1),
            secret \(sql.blob) NOT NULL,
            clock_offset \(sql.bigint) NOT NULL DEFAULT 0,
            catalog_revision \(sql.bigint) NOT NULL DEFAULT 0
        )\(sql.tableOptions)
        """
    ]
}

private func catalogTables(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE TABLE plans (
            id \(sql.uuid) PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            description TEXT NOT NULL,
            price_minor \(sql.bigint) NOT NULL CHECK (price_minor >= 0),
            currency TEXT NOT NULL CHECK (length(currency) = 3),
            display_price TEXT NOT NULL,
            type TEXT NOT NULL CHECK (type IN ('free', 'paid')),
            trial_days \(sql.bigint) NOT NULL CHECK (trial_days >= 0),
            is_active \(sql.bigint) NOT NULL CHECK (is_active IN (0, 1)),
            rank \(sql.bigint) NOT NULL,
            features TEXT NOT NULL,
            lookup_key TEXT UNIQUE,
            updated_at \(sql.bigint) NOT NULL,
            CHECK ((type = 'paid') = (lookup_key IS NOT NULL))
        )\(sql.keyedTableOptions)
        """,
        """
        CREATE TABLE plan_pricing_rules (
            plan_id \(sql.uuid) PRIMARY KEY REFERENCES plans (id),
            multiplier \(sql.bigint) NOT NULL CHECK (multiplier >= 0),
            credits_allocation \(sql.bigint) NOT NULL CHECK (credits_allocation >= 0),
            rate_limit_per_minute \(sql.bigint) CHECK (rate_limit_per_minute >= 0),
            rate_limit_per_day \(sql.bigint) CHECK (rate_limit_per_day >= 0)
        )\(sql.keyedTableOptions)
        """,
        """
        CREATE TABLE feature_cost_configs (
            feature_key TEXT PRIMARY KEY,
            product_type TEXT NOT NULL CHECK (product_type = 'career'),
            internal_cost_credits \(sql.bigint) NOT NULL CHECK (internal_cost_credits >= 0),
            is_active \(sql.bigint) NOT NULL CHECK (is_active IN (0, 1))
        )\(sql.keyedTableOptions)
        """,
    ]
}

private func identityTables(_ sql: SQLDialect) -> [String] {
    userTables(sql) + traceTables(sql)
}

private func userTables(_ sql: SQLDialect) -> [String] {
    [
        // `email_key` is the email in lower case: one account whatever the case. A user of another
        // issuer is found by (issuer, subject) and may have no email at all.
        """
        CREATE TABLE users (
            id \(sql.uuid) PRIMARY KEY,
            email TEXT,
            email_key TEXT UNIQUE,
            email_verified_at \(sql.bigint),
            password_hash TEXT,
            full_name TEXT,
            issuer TEXT,
            subject TEXT,
            is_active \(sql.bigint) NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
            is_operator \(sql.bigint) NOT NULL DEFAULT 0 CHECK (is_operator IN (0, 1)),
            created_at \(sql.bigint) NOT NULL,
            updated_at \(sql.bigint) NOT NULL,
            UNIQUE (issuer, subject),
            CHECK ((issuer IS NULL) = (subject IS NULL)),
            CHECK (issuer IS NOT NULL OR (email_key IS NOT NULL AND password_hash IS NOT NULL))
        )\(sql.keyedTableOptions)
        """,
        """
        CREATE TABLE one_time_codes (
            user_id \(sql.uuid) NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            purpose TEXT NOT NULL CHECK (purpose IN ('signup', 'password_reset')),
            code_hash \(sql.blob) NOT NULL,
            created_at \(sql.bigint) NOT NULL,
            expires_at \(sql.bigint) NOT NULL,
            PRIMARY KEY (user_id, purpose)
        )\(sql.keyedTableOptions)
        """,
        """
        CREATE TABLE sessions (
            id \(sql.uuid) PRIMARY KEY,
            user_id \(sql.uuid) NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            device_info TEXT NOT NULL,
            remember_me \(sql.bigint) NOT NULL CHECK (remember_me IN (0, 1)),
            created_at \(sql.bigint) NOT NULL,
            expires_at \(sql.bigint) NOT NULL,
            revoked_at \(sql.bigint)
        )\(sql.keyedTableOptions)
        """,
        "CREATE INDEX sessions_of_user ON sessions (user_id)",
        // Every refresh token of a session, the used ones too: seeing one of those again means
        // that it was stolen.
        """
        CREATE TABLE refresh_tokens (
            token_hash \(sql.blob) PRIMARY KEY,
            session_id \(sql.uuid) NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
            created_at \(sql.bigint) NOT NULL,
            expires_at \(sql.bigint) NOT NULL,
            used_at \(sql.bigint)
        )\(sql.keyedTableOptions)
        """,
        "CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id)",
    ]
}

/// What sign-in counts, what was mailed, and what a deletion leaves.
private func traceTables(_ sql: SQLDialect) -> [String] {
    [
        // `bucket` is a keyed hash of what is throttled, so that no email stands here in clear.
        """
        CREATE TABLE auth_throttles (
            bucket \(sql.blob) PRIMARY KEY,
            failures \(sql.bigint) NOT NULL,
            window_started_at \(sql.bigint) NOT NULL
        )\(sql.keyedTableOptions)
        """,
        """
        CREATE TABLE mails (
            id \(sql.uuid) PRIMARY KEY,
            recipient TEXT NOT NULL,
            subject TEXT NOT NULL,
            text TEXT NOT NULL,
            html TEXT NOT NULL,
            created_at \(sql.bigint) NOT NULL
        )\(sql.tableOptions)
        """,
        "CREATE INDEX mails_by_recipient ON mails (lower(recipient), id)",
        // What is remembered of a deleted account, under a keyed hash of its email.
        """
        CREATE TABLE former_accounts (
            email_hash \(sql.blob) PRIMARY KEY,
            trial_used \(sql.bigint) NOT NULL CHECK (trial_used IN (0, 1)),
            period_anchor \(sql.bigint) NOT NULL,
            period_start \(sql.bigint) NOT NULL,
            period_end \(sql.bigint) NOT NULL,
            credits_remaining \(sql.bigint) NOT NULL CHECK (credits_remaining >= 0),
            deleted_at \(sql.bigint) NOT NULL
        )\(sql.keyedTableOptions)
        """,
    ]
}
