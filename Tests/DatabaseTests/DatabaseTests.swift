import Database
import Foundation
import Testing

/// What every engine promises; each case runs on each of them.
@Suite("The database seam")
struct DatabaseTests {
    @Test("Every kind of value comes back as it went in", arguments: Engine.all)
    func values(engine: Engine) async throws {
        try await engine.withDatabase { test in
            try await test.createTable()
            let rows: [[SQLValue]] = [
                [.integer(1), .integer(.max), .text(""), .uuid(UUID()), .blob([])],
                [.integer(.min), .null, .text("é 😀 \u{1} ?'"), .null, .blob([0, 255])],
                [.integer(0), .null, .null, .null, .null],
            ]
            let back = try await test.database.write { connection in
                try connection.executeMany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", rows)
                return try rows.map {
                    try connection.query("SELECT * FROM t WHERE id = ?", [$0[0]])[0].values
                }
            }
            #expect(back == rows)
        }
    }

    @Test("A statement may have hundreds of parameters", arguments: Engine.all)
    func manyParameters(engine: Engine) async throws {
        try await engine.withDatabase { test in
            try await test.createTable()
            try await test.insert(1...700)
            let found = try await test.database.read { connection in
                let marks = Array(repeating: "?", count: 650).joined(separator: ", ")
                return try connection.query(
                    "SELECT id FROM t WHERE id IN (\(marks)) ORDER BY id",
                    (11...660).map { .integer($0) })
            }
            #expect(found.map(\.values) == (11...660).map { [.integer($0)] })
        }
    }

    @Test("A constraint that is met says which kind it is", arguments: Engine.all)
    func constraints(engine: Engine) async throws {
        try await engine.withDatabase { test in
            try await test.createTable()
            try await test.insert(1...1)
            #expect(await failure(test, "INSERT INTO t (id) VALUES (1)").hasPrefix("duplicate"))
            #expect(
                await failure(test, "INSERT INTO t (id, n) VALUES (2, 0)")
                    .hasPrefix("constraint"))
            #expect(
                await failure(test, "INSERT INTO nowhere VALUES (1)").hasPrefix("database error"))
            #expect(await failure(test, "NONSENSE").hasPrefix("database error"))
            #expect(try await test.integer("SELECT count(*) FROM t") == 1)
        }
    }

    private func failure(_ test: TestDatabase, _ sql: String) async -> String {
        do {
            _ = try await test.database.write { try $0.execute(sql) }
            return "none"
        } catch let error as DatabaseError {
            return error.description
        } catch {
            return "other"
        }
    }

    @Test("A walk hands over every row, and its body may ask and may stop", arguments: Engine.all)
    func walks(engine: Engine) async throws {
        try await engine.withDatabase { test in
            try await test.createTable()
            try await test.insert(1...2500)
            let total = try await test.database.read { connection in
                var total: Int64 = 0
                try connection.forEachRow(
                    "SELECT id FROM t WHERE id > ? ORDER BY id", [.integer(1000)]
                ) { row in
                    var reader = row.reader
                    let id = try reader.integer()
                    if id == 1500 {
                        #expect(try connection.query("SELECT 1").count == 1)
                    }
                    total += id
                }
                return total
            }
            #expect(total == (1001...2500).reduce(0, +))
            await #expect(throws: CancellationError.self) {
                try await test.database.read { connection in
                    try connection.forEachRow("SELECT id FROM t", []) { _ in
                        throw CancellationError()
                    }
                }
            }
            #expect(try await test.integer("SELECT count(*) FROM t") == 2500)
        }
    }

    @Test("A wrong number of arguments, or one of another kind, is an error", arguments: Engine.all)
    func mistakes(engine: Engine) async throws {
        try await engine.withDatabase { test in
            try await test.createTable()
            for arguments: [SQLValue] in [[], [.integer(1), .integer(2)], [.text("x")]] {
                await #expect(throws: DatabaseError.self) {
                    try await test.database.write {
                        try $0.execute("INSERT INTO t (id) VALUES (?)", arguments)
                    }
                }
            }
            #expect(try await test.integer("SELECT count(*) FROM t") == 0)
        }
    }

    @Test("A question mark in a string is no parameter", arguments: Engine.all)
    func questionMarks(engine: Engine) async throws {
        try await engine.withDatabase { test in
            let row = try await test.database.read { connection in
                try connection.query(
                    "SELECT 'it''s ?', \"?\" -- what?\n FROM (SELECT 1 AS \"?\") AS x WHERE 1 = ?",
                    [.integer(1)])[0]
            }
            #expect(row.values == [.text("it's ?"), .integer(1)])
        }
    }

    @Test("A column of another kind is an error, and so is one too many")
    func columns() {
        var reader = Row(values: [.text("x")]).reader
        #expect(throws: DatabaseError.self) { try reader.integer() }
        var second = Row(values: []).reader
        #expect(throws: DatabaseError.self) { try second.text() }
    }

    @Test("What is closed is unavailable", arguments: [Engine.postgresql])
    func closed(engine: Engine) async throws {
        try await engine.withDatabase { test in
            let other = try test.open()
            try other.close()
            await #expect(throws: DatabaseError.self) {
                try await other.read { try $0.query("SELECT 1") }
            }
        }
    }

    /// https://sqlite.org/pragma.html#pragma_synchronous: with less than FULL a commit in WAL mode
    /// returns before the disk has it.
    @Test("A commit on SQLite waits for the disk")
    func synchronous() async throws {
        try await Engine.sqlite.withDatabase { test in
            let (mode, journal) = try await test.database.write {
                (
                    try $0.query("PRAGMA synchronous")[0].values,
                    try $0.query("PRAGMA journal_mode")[0].values
                )
            }
            #expect(mode == [.integer(2)])
            #expect(journal == [.text("wal")])
        }
    }

    @Test("A file that cannot be opened is an outage in one line")
    func unavailable() {
        #expect(throws: DatabaseError.self) { try SQLiteDatabase(path: "/proc/none/x.db") }
    }
}
