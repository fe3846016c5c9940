import Database
import Schema
import TestFixtures
import Testing
import Values

@Suite("The schema, step by step")
struct SchemaTests {
    private func statements(_ database: any Database) async throws -> [String] {
        try await database.texts(
            """
            SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master
            ORDER BY type, name
            """)
    }

    @Test("From each earlier version it comes to the same as from nothing, and rows stay")
    func fromEachVersion() async throws {
        var fresh: [String] = []
        try await withTemporaryDatabase { fresh = try await statements($0) }
        #expect(fresh.count > migrations.count)
        for version in 1..<migrations.count {
            try await withTemporaryDatabase(Array(migrations.prefix(version))) { database in
                _ = try await database.write { connection in
                    try connection.execute(
                        "INSERT INTO installation (id, secret) VALUES (1, ?)", [.blob([7])])
                }
                let applied = try await Migrator(migrations).migrate(database, now: .epoch)
                #expect(applied == migrations.dropFirst(version).map(\.name))
                #expect(try await statements(database) == fresh, "from version \(version)")
                #expect(try await database.integer("SELECT count(*) FROM installation") == 1)
            }
        }
    }

    @Test("Its steps are numbered without a gap, and no two have one name")
    func numbering() async throws {
        try await withTemporaryDatabase { database in
            let versions = try await database.texts(
                "SELECT CAST(version AS TEXT) FROM schema_migrations ORDER BY version")
            #expect(versions == (1...migrations.count).map(String.init))
            let names = try await database.texts(
                "SELECT name FROM schema_migrations ORDER BY version")
            #expect(names == migrations.map(\.name))
            #expect(Set(names).count == names.count)
        }
    }

    @Test("A database that a newer program has migrated is refused, and stays as it was")
    func newer() async throws {
        let next = Migration("of tomorrow") { sql in ["CREATE TABLE later (id \(sql.bigint))"] }
        try await withTemporaryDatabase(migrations + [next]) { database in
            let before = try await statements(database)
            do {
                try await Migrator(migrations).migrate(database, now: .epoch)
                Issue.record("a newer schema was accepted")
            } catch DatabaseError.newerSchema(let found, let known) {
                #expect(found == known + 1)
            }
            #expect(try await statements(database) == before)
        }
    }

    @Test("SQLite holds every column of every table to its declared type")
    func strict() async throws {
        try await withTemporaryDatabase { database in
            let loose = try await database.texts(
                "SELECT name FROM pragma_table_list WHERE schema = 'main' AND strict = 0")
            #expect(loose == ["sqlite_schema"])
        }
    }

    @Test("A second row about the database itself is refused by the schema")
    func oneInstallation() async throws {
        try await withTemporaryDatabase { database in
            for id in [0, 2] {
                await #expect(throws: DatabaseError.self) {
                    try await database.write { connection in
                        try connection.execute(
                            "INSERT INTO installation (id, secret) VALUES (?, ?)",
                            [.integer(id), .blob([7])])
                    }
                }
            }
        }
    }
}
