import Database

/// Codes are hashed under a secret that is not in the database, and each network that asks for one
/// has its own. Those that were running, for ten minutes at most, are forgotten.
func codesOfNetworks(_ sql: SQLDialect) -> [String] {
    [
        "DROP TABLE one_time_codes",
        """
        CREATE TABLE one_time_codes (
            user_id \(sql.uuid) NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            purpose TEXT NOT NULL CHECK (purpose IN ('signup', 'password_reset')),
            network \(sql.blob) NOT NULL,
            code_hash \(sql.blob) NOT NULL,
            created_at \(sql.bigint) NOT NULL,
            expires_at \(sql.bigint) NOT NULL,
            PRIMARY KEY (user_id, purpose, network)
        )\(sql.keyedTableOptions)
        """,
        "CREATE INDEX one_time_codes_by_expiry ON one_time_codes (expires_at)",
    ]
}

/// A mail belongs to a user, whatever their address is by now, and its code lies sealed beside it.
/// Mails from before are known by their address alone.
func sealedMails(_ sql: SQLDialect) -> [String] {
    [
        """
        ALTER TABLE mails ADD COLUMN user_id \(sql.uuid) REFERENCES users (id) ON DELETE CASCADE
        """,
        "ALTER TABLE mails ADD COLUMN sealed_code \(sql.blob)",
        "CREATE INDEX mails_of_user ON mails (user_id)",
    ]
}

/// What ends of what strangers cause: unproven accounts, and mails that nobody would take.
func endsOfStrangersRows(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE INDEX users_unproven ON users (updated_at)
        WHERE email_verified_at IS NULL AND issuer IS NULL
        """,
        "CREATE INDEX messages_dead ON messages (died_at) WHERE died_at IS NOT NULL",
    ]
}

/// Since when an account is being deleted: until it is erased, what its user asks for may fail at
/// Stripe, which is no failure.
func deletionsUnderWay(_ sql: SQLDialect) -> [String] {
    ["ALTER TABLE users ADD COLUMN deletion_began_at \(sql.bigint)"]
}

/// What another identity provider last told of a user, and when its token was issued: the profile
/// follows the newest one. A name that the user has changed here stays until the provider's
/// changes.
func providersProfile(_ sql: SQLDialect) -> [String] {
    [
        "ALTER TABLE users ADD COLUMN provider_name TEXT",
        "ALTER TABLE users ADD COLUMN profile_told_at \(sql.bigint)",
        "UPDATE users SET provider_name = full_name WHERE issuer IS NOT NULL",
    ]
}
