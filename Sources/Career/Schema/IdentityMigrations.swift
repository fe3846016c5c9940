import Database

/// Operators are whoever may run `cuebx` on the database; the mark said nothing.
func dropOperatorMark(_ sql: SQLDialect) -> [String] {
    ["ALTER TABLE users DROP COLUMN is_operator"]
}
