import Database
import Foundation
import Schema

/// The engines on which a test of rows runs.
package enum TestEngine: Sendable {
    case sqlite
    case postgresql

    struct Missing: Error, CustomStringConvertible {
        let description = """
            CUEBX_TEST_POSTGRESQL is not set: it names the PostgreSQL that the tests may use. \
            scripts/test.sh starts one; by hand: \
            .venv/bin/python Tests/servers/postgresql.py swift test --skip-build
            """
    }

    /// Runs the body with a database of its own that has all tables and nothing in them, and is
    /// gone afterwards.
    package func withDatabase(_ body: (any Database) async throws -> Void) async throws {
        guard self == .postgresql else {
            return try await withTemporaryDatabase { try await body($0) }
        }
        guard let url = ProcessInfo.processInfo.environment["CUEBX_TEST_POSTGRESQL"] else {
            throw Missing()
        }
        let schema = "t_" + UUID().uuidString.filter { $0 != "-" }.lowercased()
        let server = try PostgreSQLDatabase(url: url)
        _ = try await server.write { try $0.execute("CREATE SCHEMA \(schema)") }
        let database = try PostgreSQLDatabase(url: url + "&options=-csearch_path%3D\(schema)")
        var failure: (any Error)?
        do {
            try await Migrator(migrations).migrate(database, now: .epoch)
            try await body(database)
        } catch {
            failure = error
        }
        try database.close()
        _ = try await server.write { try $0.execute("DROP SCHEMA \(schema) CASCADE") }
        try server.close()
        if let failure { throw failure }
    }
}
