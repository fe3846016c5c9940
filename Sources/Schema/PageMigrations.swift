import Database

/// The sessions of browsers, and what the forms of pages have done: a form that is sent again is
/// answered as the first time. `outcome` is there once the act is done.
func pageSessions(_ sql: SQLDialect) -> [String] {
    [
        "ALTER TABLE sessions ADD COLUMN page_hash \(sql.blob)",
        "CREATE UNIQUE INDEX sessions_by_page_hash ON sessions (page_hash)",
        """
        CREATE TABLE form_tokens (
            token_hash \(sql.blob) PRIMARY KEY,
            begun_at \(sql.bigint) NOT NULL,
            outcome TEXT
        )\(sql.keyedTableOptions)
        """,
        "CREATE INDEX form_tokens_by_age ON form_tokens (begun_at)",
    ]
}
