import Database

/// Results of calls that tool servers had kept for their users, and how much each user's take.
/// A user's go with the user. The data stands last: SQLite reads a large row from its beginning.
func analysisResults(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE TABLE career_analysis_results (
            id \(sql.uuid) PRIMARY KEY,
            user_id \(sql.uuid) NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            usage_id \(sql.uuid) NOT NULL UNIQUE,
            feature_key TEXT NOT NULL,
            title TEXT NOT NULL,
            bytes \(sql.bigint) NOT NULL CHECK (bytes > 0),
            created_at \(sql.bigint) NOT NULL,
            data TEXT NOT NULL
        )\(sql.tableOptions)
        """,
        "CREATE INDEX career_analysis_results_of_user ON career_analysis_results (user_id, id)",
        """
        CREATE TABLE career_analysis_totals (
            user_id \(sql.uuid) PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
            bytes \(sql.bigint) NOT NULL CHECK (bytes >= 0)
        )\(sql.keyedTableOptions)
        """,
    ]
}
