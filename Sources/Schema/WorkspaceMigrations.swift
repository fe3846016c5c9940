import Database

/// Workspaces of the API product, who is in them, who is invited, their keys, and who did what.
///
/// A workspace's row is the lock of all decisions on it. The owner is a column of it: there is
/// always one, until the workspace is closed. `seat_count`, `pending_seat_count` and `subscription`
/// are what its subscription gives it, kept here so that a decision on a seat reads one locked row.
func workspaceTables(_ sql: SQLDialect) -> [String] {
    ownTables(sql) + keyTables(sql) + auditTables(sql)
}

private func ownTables(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE TABLE workspaces (
            id \(sql.uuid) PRIMARY KEY,
            display_name TEXT NOT NULL,
            slug TEXT UNIQUE,
            description TEXT,
            is_personal \(sql.bigint) NOT NULL CHECK (is_personal IN (0, 1)),
            owner_id \(sql.uuid) REFERENCES users (id),
            subscription TEXT NOT NULL CHECK (subscription IN ('none', 'live', 'inactive')),
            seat_count \(sql.bigint) NOT NULL CHECK (seat_count >= 0),
            pending_seat_count \(sql.bigint) CHECK (pending_seat_count >= 0),
            frozen_at \(sql.bigint),
            suspended_at \(sql.bigint),
            suspension_reason TEXT,
            created_at \(sql.bigint) NOT NULL,
            updated_at \(sql.bigint) NOT NULL,
            closed_at \(sql.bigint),
            CHECK ((closed_at IS NULL) = (owner_id IS NOT NULL)),
            CHECK ((closed_at IS NULL) = (slug IS NOT NULL)),
            CHECK ((suspended_at IS NULL) = (suspension_reason IS NULL)),
            CHECK (is_personal = 0 OR frozen_at IS NULL)
        )\(sql.keyedTableOptions)
        """,
        "CREATE INDEX workspaces_of_owner ON workspaces (owner_id)",
        """
        CREATE UNIQUE INDEX personal_workspace_of_user ON workspaces (owner_id)
        WHERE is_personal = 1
        """,
        """
        CREATE TABLE workspace_members (
            workspace_id \(sql.uuid) NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
            user_id \(sql.uuid) NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            role TEXT NOT NULL CHECK (role IN ('admin', 'member')),
            status TEXT NOT NULL CHECK (status IN ('enabled', 'disabled')),
            joined_at \(sql.bigint) NOT NULL,
            PRIMARY KEY (workspace_id, user_id)
        )\(sql.keyedTableOptions)
        """,
        "CREATE INDEX workspaces_of_member ON workspace_members (user_id, workspace_id)",
        """
        CREATE TABLE workspace_invitations (
            id \(sql.uuid) PRIMARY KEY,
            workspace_id \(sql.uuid) NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
            email TEXT NOT NULL,
            email_key TEXT NOT NULL,
            role TEXT NOT NULL CHECK (role IN ('admin', 'member')),
            status TEXT NOT NULL
                CHECK (status IN ('pending', 'accepted', 'revoked', 'expired')),
            token_hash \(sql.blob) NOT NULL UNIQUE,
            invited_by \(sql.uuid),
            created_at \(sql.bigint) NOT NULL,
            expires_at \(sql.bigint) NOT NULL
        )\(sql.keyedTableOptions)
        """,
        """
        CREATE UNIQUE INDEX live_invitation ON workspace_invitations (workspace_id, email_key)
        WHERE status = 'pending'
        """,
        "CREATE INDEX invitations_of_workspace ON workspace_invitations (workspace_id, id)",
        "CREATE INDEX invitations_of_email ON workspace_invitations (email_key)",
        "CREATE INDEX invitations_by_user ON workspace_invitations (invited_by)",
    ]
}

/// A key and all that it was rotated to are one family, by the id of the first.
private func keyTables(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE TABLE workspace_api_keys (
            id \(sql.uuid) PRIMARY KEY,
            workspace_id \(sql.uuid) NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
            family_id \(sql.uuid) NOT NULL,
            name TEXT NOT NULL,
            key_hash \(sql.blob) NOT NULL UNIQUE,
            key_prefix TEXT NOT NULL,
            is_test \(sql.bigint) NOT NULL CHECK (is_test IN (0, 1)),
            credit_limit \(sql.bigint) CHECK (credit_limit >= 0),
            created_by \(sql.uuid),
            created_at \(sql.bigint) NOT NULL,
            expires_at \(sql.bigint),
            expiry_told_at \(sql.bigint),
            last_used_at \(sql.bigint),
            revoked_at \(sql.bigint)
        )\(sql.keyedTableOptions)
        """,
        "CREATE INDEX api_keys_of_workspace ON workspace_api_keys (workspace_id, id)",
        "CREATE INDEX api_keys_by_user ON workspace_api_keys (created_by)",
        """
        CREATE INDEX api_keys_to_expire ON workspace_api_keys (expires_at)
        WHERE expiry_told_at IS NULL AND revoked_at IS NULL
        """,
    ]
}

private func auditTables(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE TABLE workspace_audit (
            id \(sql.uuid) PRIMARY KEY,
            workspace_id \(sql.uuid) NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
            at \(sql.bigint) NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            target TEXT,
            state_before TEXT,
            state_after TEXT,
            request_id TEXT
        )\(sql.keyedTableOptions)
        """,
        "CREATE INDEX workspace_audit_of_workspace ON workspace_audit (workspace_id, id)",
        "CREATE INDEX workspace_audit_by_actor ON workspace_audit (actor)",
        "CREATE INDEX workspace_audit_by_target ON workspace_audit (target)",
    ]
}

/// Where the bills of a workspace go, if not to its owner: an address that was proven, and one that
/// waits for its code.
func billingEmails(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE TABLE workspace_billing_emails (
            workspace_id \(sql.uuid) PRIMARY KEY REFERENCES workspaces (id) ON DELETE CASCADE,
            email TEXT,
            email_key TEXT,
            pending_email TEXT,
            pending_key TEXT,
            code_hash \(sql.blob),
            code_expires_at \(sql.bigint),
            wrong_tries \(sql.bigint) NOT NULL CHECK (wrong_tries >= 0),
            CHECK ((email IS NULL) = (email_key IS NULL)),
            CHECK ((pending_email IS NULL) = (pending_key IS NULL)),
            CHECK ((pending_email IS NULL) = (code_hash IS NULL)),
            CHECK ((pending_email IS NULL) = (code_expires_at IS NULL))
        )\(sql.keyedTableOptions)
        """,
        "CREATE INDEX billing_emails_by_key ON workspace_billing_emails (email_key)",
        "CREATE INDEX billing_emails_that_wait ON workspace_billing_emails (pending_key)",
    ]
}

/// What the sweep of addresses that wait looks for.
func endsOfBillingCodes(_ sql: SQLDialect) -> [String] {
    ["CREATE INDEX billing_emails_by_end ON workspace_billing_emails (code_expires_at)"]
}

/// Checkouts of workspaces, as users have them, with seats; the trial of each owner; and what is
/// looked for when a payment is awaited too long.
func workspaceBilling(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE TABLE workspace_checkouts (
            workspace_id \(sql.uuid) PRIMARY KEY REFERENCES workspaces (id) ON DELETE CASCADE,
            attempt \(sql.bigint) NOT NULL,
            session_id TEXT,
            url TEXT,
            plan_id \(sql.uuid) NOT NULL,
            success_url TEXT NOT NULL,
            cancel_url TEXT NOT NULL,
            expires_at \(sql.bigint) NOT NULL,
            customer_key TEXT,
            seat_count \(sql.bigint) NOT NULL CHECK (seat_count >= 1)
        )\(sql.keyedTableOptions)
        """,
        // The workspace for which the trial is claimed, or that has had it.
        """
        CREATE TABLE workspace_trials (
            owner_id \(sql.uuid) PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
            workspace_id \(sql.uuid) NOT NULL,
            is_used \(sql.bigint) NOT NULL CHECK (is_used IN (0, 1))
        )\(sql.keyedTableOptions)
        """,
        """
        CREATE INDEX api_subscriptions_past_due ON api_subscriptions (id)
        WHERE status = 'past_due'
        """,
    ]
}

/// The change of a workspace's plan or seats that is under way, and the price that was shown last.
func planChanges(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE TABLE workspace_plan_changes (
            workspace_id \(sql.uuid) PRIMARY KEY REFERENCES workspaces (id) ON DELETE CASCADE,
            claim_id \(sql.uuid),
            claimed_until \(sql.bigint),
            shown_subscription TEXT,
            shown_plan \(sql.uuid),
            shown_seats \(sql.bigint) CHECK (shown_seats >= 1),
            shown_at \(sql.bigint),
            CHECK ((claim_id IS NULL) = (claimed_until IS NULL)),
            CHECK ((shown_subscription IS NULL) = (shown_plan IS NULL)),
            CHECK ((shown_subscription IS NULL) = (shown_seats IS NULL)),
            CHECK ((shown_subscription IS NULL) = (shown_at IS NULL))
        )\(sql.keyedTableOptions)
        """
    ]
}

/// Until a team that is being deleted is gone, nobody is mailed what its end does to it.
func workspaceDeletions(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE TABLE workspace_deletions (
            workspace_id \(sql.uuid) PRIMARY KEY REFERENCES workspaces (id) ON DELETE CASCADE,
            began_at \(sql.bigint) NOT NULL
        )\(sql.keyedTableOptions)
        """
    ]
}
