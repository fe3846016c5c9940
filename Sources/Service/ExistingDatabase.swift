import Database
import FoundationEssentials
import Moving
import Schema
import Settings

extension CareerCore {
    /// Opens the database that `DATABASE_URL` names as it stands, for a command that only reads:
    /// nothing is made, migrated or given a catalog.
    ///
    /// - Throws: ``MoveRefusal`` where there is none, or where its schema is not this program's.
    public static func openExisting(_ settings: Settings) async throws -> any Database {
        if let path = sqlitePath(settings), !FileManager.default.fileExists(atPath: path) {
            throw MoveRefusal("there is no database at \(path)")
        }
        let database = try engine(settings.databaseURL)
        do {
            try await database.read { connection in
                try requireCurrentSchema(connection)
                try ImportMark.refuseUnfinished(connection)
            }
        } catch {
            try database.close()
            throw error
        }
        return database
    }

    /// Opens the database that an import is to fill. A new one is made and migrated; an older one
    /// is left as it is.
    public static func openForImport(_ settings: Settings) async throws -> any Database {
        // Nothing but the import may use what it fills, so that it may checkpoint.
        let database = try engine(settings.databaseURL, checkpoints: true)
        do {
            if try await database.read({ try Migrator.version($0) != nil }) {
                try await database.read { try requireCurrentSchema($0) }
            }
            try await prepare(database)
        } catch {
            try database.close()
            throw error
        }
        return database
    }

    /// The file of an SQLite database; `nil` with another engine.
    public static func sqlitePath(_ settings: Settings) -> String? {
        settings.databaseURL.wholeMatch(of: /sqlite:(.+)/).map { String($0.1) }
    }

    private static func requireCurrentSchema(_ connection: any DatabaseConnection) throws {
        let known = Int64(migrations.count)
        guard let found = try Migrator.version(connection) else {
            throw MoveRefusal("the database has no schema: it is not one of cuebx")
        }
        if found > known { throw DatabaseError.newerSchema(found: found, known: known) }
        if found < known {
            throw MoveRefusal(
                "the database has schema version \(found), this program has \(known): "
                    + "run `cuebx migrate` first")
        }
    }
}
