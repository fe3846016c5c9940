import Database

/// A message says beside its body which request brought it and which account it is about. Rows from
/// before keep NULL, and what their body says.
func messageEnvelopes(_ sql: SQLDialect) -> [String] {
    [
        "ALTER TABLE messages ADD COLUMN request_id TEXT",
        "ALTER TABLE messages ADD COLUMN account_id \(sql.uuid)",
        """
        CREATE INDEX messages_of_account ON messages (account_id) WHERE account_id IS NOT NULL
        """,
    ]
}
