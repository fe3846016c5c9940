import Database

/// Who runs the service, how they sign in, and what they did. The journal outlives the operators
/// and the users that it names.
func operatorTables(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE TABLE operators (
            id \(sql.uuid) PRIMARY KEY,
            email TEXT NOT NULL,
            email_key TEXT NOT NULL UNIQUE,
            role TEXT NOT NULL CHECK (role IN ('viewer', 'support', 'admin')),
            password_hash TEXT NOT NULL,
            totp_secret \(sql.blob) NOT NULL,
            totp_step \(sql.bigint) NOT NULL,
            created_at \(sql.bigint) NOT NULL
        )\(sql.keyedTableOptions)
        """,
        """
        CREATE TABLE operator_recovery_codes (
            operator_id \(sql.uuid) NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
            code_hash \(sql.blob) NOT NULL,
            used_at \(sql.bigint),
            PRIMARY KEY (operator_id, code_hash)
        )\(sql.keyedTableOptions)
        """,
        """
        CREATE TABLE operator_sessions (
            id \(sql.uuid) PRIMARY KEY,
            operator_id \(sql.uuid) NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
            secret_hash \(sql.blob) NOT NULL UNIQUE,
            created_at \(sql.bigint) NOT NULL,
            expires_at \(sql.bigint) NOT NULL,
            stepped_up_at \(sql.bigint)
        )\(sql.keyedTableOptions)
        """,
        "CREATE INDEX operator_sessions_of_operator ON operator_sessions (operator_id)",
        """
        CREATE TABLE operator_actions (
            id \(sql.uuid) PRIMARY KEY,
            operator_id \(sql.uuid),
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            user_id \(sql.uuid),
            subject TEXT,
            reason TEXT,
            credits \(sql.bigint),
            outcome TEXT NOT NULL CHECK (outcome IN ('begun', 'done', 'refused', 'failed')),
            request_id TEXT,
            created_at \(sql.bigint) NOT NULL
        )\(sql.keyedTableOptions)
        """,
        "CREATE INDEX operator_actions_of_operator ON operator_actions (operator_id, created_at)",
        "CREATE INDEX operator_actions_of_user ON operator_actions (user_id, id)",
        "CREATE INDEX operator_actions_by_kind ON operator_actions (action, id)",
    ]
}
