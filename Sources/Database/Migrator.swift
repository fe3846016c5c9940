import Values

/// A step from one version of the schema to the next. Once it has landed it is never edited.
public struct Migration: Sendable {
    public let name: String
    public let statements: @Sendable (SQLDialect) -> [String]

    public init(_ name: String, _ statements: @escaping @Sendable (SQLDialect) -> [String]) {
        self.name = name
        self.statements = statements
    }
}

/// Applies the migrations that a database lacks, with the rows that record them, in one database
/// transaction.
public struct Migrator: Sendable {
    let migrations: [Migration]

    public init(_ migrations: [Migration]) {
        self.migrations = migrations
    }

    /// - Returns: the names of those applied now.
    /// - Throws: ``DatabaseError/newerSchema(found:known:)`` before anything is touched.
    @discardableResult
    public func migrate(_ database: any Database, now: Timestamp) async throws -> [String] {
        let migrations = self.migrations
        return try await database.write { connection in
            try Migrator.waitForOthers(connection)
            let version = try Migrator.version(connection) ?? 0
            guard version <= migrations.count else {
                throw DatabaseError.newerSchema(found: version, known: Int64(migrations.count))
            }
            try Migrator.createTable(connection)
            var applied: [String] = []
            for (index, migration) in migrations.enumerated().dropFirst(Int(version)) {
                for statement in migration.statements(connection.dialect) {
                    try connection.execute(statement)
                }
                try connection.execute(
                    "INSERT INTO schema_migrations (version, name, applied_at) VALUES (?, ?, ?)",
                    [.integer(index + 1), .text(migration.name), .time(now)])
                applied.append(migration.name)
            }
            return applied
        }
    }

    /// One process migrates, those that start at the same time wait and find it done. A
    /// database transaction that writes is that lock already in SQLite.
    private static func waitForOthers(_ connection: any DatabaseConnection) throws {
        guard connection.dialect == .postgresql else { return }
        try connection.liftLimits()
        _ = try connection.query("SELECT pg_advisory_xact_lock(?)", [.integer(lock)])
    }

    /// Any number that no other program on the same database locks: "CueBX" in ASCII.
    private static let lock: Int64 = 0x43_7565_4258

    private static func createTable(_ connection: any DatabaseConnection) throws {
        try connection.execute(
            """
            CREATE TABLE IF NOT EXISTS schema_migrations (
                version \(connection.dialect.bigint) PRIMARY KEY,
                name TEXT NOT NULL,
                applied_at \(connection.dialect.bigint) NOT NULL
            )\(connection.dialect.tableOptions)
            """)
    }

    /// The number of migrations that were applied; `nil` in an empty database.
    public static func version(_ connection: any DatabaseConnection) throws -> Int64? {
        let catalog =
            switch connection.dialect {
            case .sqlite: "SELECT count(*) FROM sqlite_master WHERE name = 'schema_migrations'"
            case .postgresql:
                """
                SELECT count(*) FROM pg_tables
                WHERE schemaname = current_schema() AND tablename = 'schema_migrations'
                """
            }
        var count = try connection.query(catalog)[0].reader
        guard try count.integer() > 0 else { return nil }
        var version = try connection.query(
            "SELECT coalesce(max(version), 0) FROM schema_migrations")[0].reader
        return try version.integer()
    }
}
