import Database
import Foundation
import Schema
import Values

/// Runs the body with a database of SQLite in a folder of its own, which is gone afterwards.
///
/// - Parameter steps: the migrations that the database has had; all of them by default.
package func withTemporaryDatabase(
    _ steps: [Migration] = migrations, _ body: (any Database) async throws -> Void
) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    let database = try SQLiteDatabase(path: folder.appending(path: "test.db").path)
    var failure: (any Error)?
    do {
        try await Migrator(steps).migrate(database, now: .epoch)
        try await body(database)
    } catch {
        failure = error
    }
    try database.close()
    try FileManager.default.removeItem(at: folder)
    if let failure { throw failure }
}

extension Database {
    /// The whole number that a query answers with.
    package func integer(_ sql: String) async throws -> Int64 {
        try await read { connection in
            var reader = try connection.query(sql)[0].reader
            return try reader.integer()
        }
    }

    /// The texts of a query's first column.
    package func texts(_ sql: String) async throws -> [String] {
        try await read { connection in
            try connection.query(sql).map { row in
                var reader = row.reader
                return try reader.text()
            }
        }
    }

    /// A user with an address of their own, who has no account yet.
    package func insertUser(_ id: UUID, at now: Timestamp) async throws {
        _ = try await write { connection in
            try connection.execute(
                """
                INSERT INTO users (id, email, email_key, password_hash, created_at, updated_at)
                VALUES (?, ?, ?, '-', ?, ?)
                """,
                [
                    .uuid(id), .text("\(id.text)@example.test"),
                    .text("\(id.text)@example.test"), .time(now), .time(now),
                ])
        }
    }
}
