import Database
import Values

/// The mark of an import that is under way, or that was broken off: `installation`'s
/// `import_started_at`. It stands before the first row is written and goes with the database
/// transaction that ends the import.
package enum ImportMark {
    /// - Throws: ``MoveRefusal`` where the mark stands.
    package static func refuseUnfinished(_ connection: any DatabaseConnection) throws {
        guard try startedAt(connection) == nil else {
            throw MoveRefusal(
                "an import into this database is under way or was broken off; "
                    + "`cuebx import --start-over` removes what it wrote and begins anew")
        }
    }

    static func startedAt(_ connection: any DatabaseConnection) throws -> Timestamp? {
        let row = try connection.queryOne("SELECT import_started_at FROM installation")
        guard var reader = row?.reader else { return nil }
        return try reader.optionalTime()
    }

    static func set(_ now: Timestamp, _ connection: any DatabaseConnection) throws {
        try connection.execute(
            "UPDATE installation SET import_started_at = ?", [.time(now)])
    }

    /// Keeps the mark as it is until the database transaction ends, so that two imports take turns.
    ///
    /// - Throws: ``TakenOver`` where it is no longer this import's.
    static func hold(_ startedAt: Timestamp, _ connection: any DatabaseConnection) throws {
        let changed = try connection.execute(
            "UPDATE installation SET import_started_at = ? WHERE import_started_at = ?",
            [.time(startedAt), .time(startedAt)])
        guard changed == 1 else { throw TakenOver() }
    }

    /// Another import has begun anew in this database: this one has no more say in it.
    struct TakenOver: Error, CustomStringConvertible {
        var description: String { "another import has begun anew in this database" }
    }

    static func clear(_ connection: any DatabaseConnection) throws {
        try connection.execute("UPDATE installation SET import_started_at = NULL")
    }
}
