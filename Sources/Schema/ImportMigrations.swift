import Database

/// Since when an import has been writing into this database. While it says so, what stands here is
/// not whole and nothing but the import may use it.
func importMark(_ sql: SQLDialect) -> [String] {
    ["ALTER TABLE installation ADD COLUMN import_started_at \(sql.bigint)"]
}
