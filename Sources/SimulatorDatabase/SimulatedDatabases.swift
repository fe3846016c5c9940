import Database
import FoundationEssentials
import Simulator

/// Databases for a simulation: each is empty before it and gone after it. What the body is given
/// makes an engine on it that has forgotten the runs before.
extension DatabaseEngine {
    package typealias MakeEngine = () throws -> any LedgerEngine

    /// A SQLite file in a temporary folder.
    package static func withSQLite<Value>(
        _ body: (@escaping MakeEngine) throws -> Value
    ) async throws -> Value {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "cuebx-sim-\(UUID().uuidString)")
        let path = folder.appending(path: "sim.db").path
        let value = try await with(name: "sqlite", body) { try SQLiteDatabase(path: path) }
        try FileManager.default.removeItem(at: folder)
        return value
    }

    /// A schema of its own on a PostgreSQL server.
    ///
    /// - Parameter url: names the server and a database, with at least one option.
    package static func withPostgreSQL<Value>(
        url: String, _ body: (@escaping MakeEngine) throws -> Value
    ) async throws -> Value {
        let schema = "sim_" + UUID().uuidString.filter { $0 != "-" }.lowercased()
        let server = try PostgreSQLDatabase(url: url)
        _ = try await server.write { try $0.execute("CREATE SCHEMA \(schema)") }
        let value = try await with(name: "postgresql", body) {
            try PostgreSQLDatabase(url: url + "&options=-csearch_path%3D\(schema)")
        }
        _ = try await server.write { try $0.execute("DROP SCHEMA \(schema) CASCADE") }
        try server.close()
        return value
    }

    private static func with<Value>(
        name: String, _ body: (@escaping MakeEngine) throws -> Value,
        open: @escaping () throws -> any Database
    ) async throws -> Value {
        let engine = try await DatabaseEngine(name: name, open: open)
        let value = try body {
            try engine.clear()
            return engine
        }
        try engine.close()
        return value
    }
}
