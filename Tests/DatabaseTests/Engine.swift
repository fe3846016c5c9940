import Database
import Foundation
import Testing

/// The engines that the conformance cases run on.
enum Engine: String, CaseIterable, CustomTestStringConvertible {
    case sqlite
    case postgresql

    static let all = allCases

    var testDescription: String { rawValue }

    struct Missing: Error, CustomStringConvertible {
        let description = """
            CUEBX_TEST_POSTGRESQL is not set: it names the PostgreSQL that the tests may use. \
            scripts/test.sh starts one; by hand: \
            .venv/bin/python Tests/servers/postgresql.py swift test -c release --skip-build
            """
    }

    /// Runs the body with a database that is empty before it and gone after it.
    func withDatabase(_ body: (TestDatabase) async throws -> Void) async throws {
        switch self {
        case .sqlite:
            let folder = FileManager.default.temporaryDirectory
                .appending(path: UUID().uuidString)
            defer {
                do {
                    try FileManager.default.removeItem(at: folder)
                } catch {
                    print("a temporary folder stays: \(error)")
                }
            }
            try await TestDatabase.run(body) {
                try SQLiteDatabase(path: folder.appending(path: "test.db").path)
            }
        case .postgresql:
            guard let url = ProcessInfo.processInfo.environment["CUEBX_TEST_POSTGRESQL"] else {
                throw Missing()
            }
            // A schema is cheaper than a database, and as empty.
            let schema = "t_" + UUID().uuidString.filter { $0 != "-" }.lowercased()
            let server = try PostgreSQLDatabase(url: url)
            _ = try await server.write { try $0.execute("CREATE SCHEMA \(schema)") }
            try await TestDatabase.run(body) {
                try PostgreSQLDatabase(url: url + "&options=-csearch_path%3D\(schema)")
            }
            _ = try await server.write { try $0.execute("DROP SCHEMA \(schema) CASCADE") }
            try server.close()
        }
    }
}

/// An empty database, and a way to open it once more as another process would.
struct TestDatabase: Sendable {
    let database: any Database
    let open: @Sendable () throws -> any Database

    fileprivate static func run(
        _ body: (TestDatabase) async throws -> Void,
        _ open: @escaping @Sendable () throws -> any Database
    ) async throws {
        let database = try open()
        do {
            try await body(TestDatabase(database: database, open: open))
        } catch {
            try database.close()
            throw error
        }
        try database.close()
    }

    /// A table with a column of each kind.
    func createTable() async throws {
        _ = try await database.write { connection in
            let sql = connection.dialect
            return try connection.execute(
                """
                CREATE TABLE t (id \(sql.bigint) PRIMARY KEY, n \(sql.bigint) CHECK (n > 0),
                    s TEXT, u \(sql.uuid), b \(sql.blob))\(sql.tableOptions)
                """)
        }
    }

    func insert(_ ids: ClosedRange<Int>) async throws {
        _ = try await database.write { connection in
            try connection.executeMany(
                "INSERT INTO t (id, n) VALUES (?, ?)",
                ids.map { [.integer($0), .integer(1)] })
        }
    }

    /// Writes as the ledger's lane does, on a thread that may wait.
    func writeBlocking<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            Thread {
                continuation.resume(with: Result { try database.writeBlocking(body) })
            }.start()
        }
    }

    func integer(_ sql: String) async throws -> Int64 {
        try await database.read { connection in
            var reader = try connection.query(sql)[0].reader
            return try reader.integer()
        }
    }
}
