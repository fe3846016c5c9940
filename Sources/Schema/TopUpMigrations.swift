import Database

/// Automatic top-ups: what users have agreed to, what they were charged, and the mark in the
/// account's row. All go with their user.
func automaticTopUps(_ sql: SQLDialect) -> [String] {
    let sold = soldTopUp(sql)
    let maximum = """
        monthly_maximum \(sql.bigint) NOT NULL CHECK (monthly_maximum BETWEEN 1 AND 10)
        """
    return [
        """
        ALTER TABLE career_subscription_contexts
        ADD COLUMN top_up_below \(sql.bigint) CHECK (top_up_below > 0)
        """,
        """
        CREATE TABLE automatic_top_ups (
            user_id \(sql.uuid) PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
            pack_id \(sql.uuid) NOT NULL,
            pack_name TEXT NOT NULL,
            \(sold),
            valid_days \(sql.bigint) CHECK (valid_days > 0),
            below \(sql.bigint) NOT NULL CHECK (below > 0),
            \(maximum),
            consented_at \(sql.bigint),
            off_reason TEXT,
            off_at \(sql.bigint),
            failing_since \(sql.bigint),
            failed_tries \(sql.bigint) NOT NULL CHECK (failed_tries >= 0),
            next_try_at \(sql.bigint),
            due_at \(sql.bigint),
            CHECK ((off_reason IS NULL) = (off_at IS NULL)),
            CHECK (off_reason IS NOT NULL OR consented_at IS NOT NULL),
            CHECK ((failing_since IS NULL) = (failed_tries = 0)),
            CHECK ((failing_since IS NULL) = (next_try_at IS NULL))
        )\(sql.keyedTableOptions)
        """,
        "CREATE INDEX automatic_top_ups_due ON automatic_top_ups (due_at) WHERE due_at IS NOT NULL",
        """
        CREATE TABLE automatic_top_up_changes (
            id \(sql.uuid) PRIMARY KEY,
            user_id \(sql.uuid) NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            at \(sql.bigint) NOT NULL,
            is_on \(sql.bigint) NOT NULL CHECK (is_on IN (0, 1)),
            reason TEXT,
            session_id \(sql.uuid),
            pack_id \(sql.uuid) NOT NULL,
            \(sold),
            below \(sql.bigint) NOT NULL CHECK (below > 0),
            \(maximum),
            CHECK ((is_on = 1) = (reason IS NULL))
        )\(sql.keyedTableOptions)
        """,
        """
        CREATE INDEX automatic_top_up_changes_of_user ON automatic_top_up_changes (user_id, id)
        """,
    ] + topUpPurchases(sql) + topUpReturns(sql)
}

private func topUpPurchases(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE TABLE top_up_purchases (
            id \(sql.uuid) PRIMARY KEY,
            user_id \(sql.uuid) NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            pack_id \(sql.uuid) NOT NULL,
            pack_name TEXT NOT NULL,
            \(soldTopUp(sql)),
            valid_days \(sql.bigint) CHECK (valid_days > 0),
            begun_at \(sql.bigint) NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('open', 'giving_up', 'paid', 'given_up')),
            invoice_id TEXT UNIQUE,
            tries \(sql.bigint) NOT NULL CHECK (tries > 0),
            tried_at \(sql.bigint) NOT NULL,
            is_trying \(sql.bigint) NOT NULL CHECK (is_trying IN (0, 1)),
            card TEXT,
            used_keys \(sql.bigint) NOT NULL CHECK (used_keys >= 0),
            payment_intent_id TEXT UNIQUE,
            paid_at \(sql.bigint),
            paid_minor \(sql.bigint) CHECK (paid_minor >= 0),
            returned_minor \(sql.bigint) CHECK (returned_minor >= 0),
            is_disputed \(sql.bigint) CHECK (is_disputed IN (0, 1)),
            grant_id \(sql.uuid) UNIQUE,
            CHECK ((status = 'paid') = (paid_at IS NOT NULL)),
            CHECK ((paid_at IS NULL) = (paid_minor IS NULL)),
            CHECK ((paid_at IS NULL) = (returned_minor IS NULL)),
            CHECK ((paid_at IS NULL) = (is_disputed IS NULL)),
            CHECK ((paid_at IS NULL) = (grant_id IS NULL))
        )\(sql.keyedTableOptions)
        """,
        "CREATE INDEX top_up_purchases_of_user ON top_up_purchases (user_id, id)",
        // At most one is in flight, whatever the processes do.
        """
        CREATE UNIQUE INDEX top_up_in_flight ON top_up_purchases (user_id)
        WHERE status IN ('open', 'giving_up')
        """,
    ]
}

/// A pack as it was sold.
private func soldTopUp(_ sql: SQLDialect) -> String {
    """
    credits \(sql.bigint) NOT NULL CHECK (credits > 0),
            price_minor \(sql.bigint) NOT NULL CHECK (price_minor >= 0),
            currency TEXT NOT NULL CHECK (length(currency) = 3)
    """
}

/// Bought grants that their users give back; those of a user go with the user.
private func topUpReturns(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE TABLE top_up_returns (
            grant_id \(sql.uuid) PRIMARY KEY,
            user_id \(sql.uuid) NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            cause TEXT NOT NULL,
            sold_by TEXT NOT NULL,
            payment_intent_id TEXT NOT NULL,
            attempt \(sql.bigint) NOT NULL CHECK (attempt > 0),
            begun_at \(sql.bigint) NOT NULL,
            refund_id TEXT
        )\(sql.keyedTableOptions)
        """,
        "CREATE INDEX top_up_returns_of_user ON top_up_returns (user_id, cause)",
        """
        CREATE INDEX top_up_returns_unanswered ON top_up_returns (begun_at)
        WHERE refund_id IS NULL
        """,
    ]
}
