import CareerDomain
import Database
import Foundation
import Testing

@Suite("The database seam")
final class DatabaseTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    private let database: SQLiteDatabase

    init() throws {
        database = try SQLiteDatabase(path: folder.appending(path: "test.db").path)
    }

    deinit {
        do {
            try database.close()
            try FileManager.default.removeItem(at: folder)
        } catch {
            print("a temporary folder stays: \(error)")
        }
    }

    private func table() async throws {
        _ = try await database.write { connection in
            try connection.execute(
                "CREATE TABLE t (id INTEGER PRIMARY KEY, v ANY, n INTEGER CHECK (n > 0)) STRICT")
        }
    }

    @Test("A write that throws leaves nothing")
    func rollback() async throws {
        try await table()
        await #expect(throws: CancellationError.self) {
            try await self.database.write { connection in
                try connection.execute("INSERT INTO t (id) VALUES (1)")
                throw CancellationError()
            }
        }
        #expect(try await database.read { try $0.query("SELECT * FROM t").isEmpty })
    }

    @Test("Every kind of value comes back as it went in")
    func values() async throws {
        try await table()
        let values: [SQLValue] = [
            .null, .integer(.min), .text(""), .text("é 😀 \u{1}"), .uuid(UUID()), .blob([]),
            .blob([0, 255]),
        ]
        let back = try await database.write { connection in
            try connection.executeMany(
                "INSERT INTO t (id, v) VALUES (?, ?)",
                values.enumerated().map { [.integer($0.offset), $0.element] })
            return try connection.query("SELECT v FROM t ORDER BY id").map(\.values[0])
        }
        #expect(back == values)
    }

    @Test("A constraint that is met says which kind it is")
    func constraints() async throws {
        try await table()
        func failure(_ sql: String) async -> String {
            do {
                _ = try await database.write { try $0.execute(sql) }
                return "none"
            } catch let error as DatabaseError {
                return error.description
            } catch {
                return "other"
            }
        }
        _ = await failure("INSERT INTO t (id) VALUES (1)")
        #expect(await failure("INSERT INTO t (id) VALUES (1)").hasPrefix("duplicate"))
        #expect(await failure("INSERT INTO t (id, n) VALUES (2, 0)").hasPrefix("constraint"))
        #expect(await failure("INSERT INTO nowhere VALUES (1)").hasPrefix("database error"))
    }

    @Test("Many statements answer in the order of their arguments")
    func many() async throws {
        try await table()
        let (counts, rows) = try await database.write { connection in
            try connection.executeMany(
                "INSERT INTO t (id, v) VALUES (?, ?)",
                (1...3).map { [.integer($0), .text("v\($0)")] })
            return (
                try connection.executeMany(
                    "UPDATE t SET v = 'x' WHERE id >= ?", [[.integer(2)], [.integer(9)]]),
                try connection.queryMany(
                    "SELECT id FROM t WHERE id = ?", [[.integer(3)], [.integer(9)], [.integer(1)]])
            )
        }
        #expect(counts == [2, 0])
        #expect(rows.map { $0.map(\.values) } == [[[.integer(3)]], [], [[.integer(1)]]])
    }

    @Test("A wrong number of arguments, or a column of another kind, is an error")
    func mistakes() async throws {
        await #expect(throws: DatabaseError.self) {
            try await self.database.read { try $0.query("SELECT ?", []) }
        }
        let row = Row(values: [.text("x")])
        var reader = row.reader
        #expect(throws: DatabaseError.self) { try reader.integer() }
        var second = Row(values: []).reader
        #expect(throws: DatabaseError.self) { try second.text() }
    }

    @Test("Migrations run once, a failing one leaves nothing, a newer schema is refused")
    func migrations() async throws {
        let first = Migration("first") { _ in ["CREATE TABLE one (id INTEGER)"] }
        let broken = Migration("broken") { _ in ["CREATE TABLE two (id INTEGER)", "NONSENSE"] }
        let now = Timestamp(micros: 1)
        #expect(try await Migrator([first]).migrate(database, now: now) == ["first"])
        #expect(try await Migrator([first]).migrate(database, now: now) == [])
        await #expect(throws: (any Error).self) {
            try await Migrator([first, broken]).migrate(self.database, now: now)
        }
        let tables = try await database.read { connection in
            try connection.query("SELECT name FROM sqlite_master WHERE name = 'two'")
        }
        #expect(tables.isEmpty)
        do {
            try await Migrator([]).migrate(database, now: now)
            Issue.record("a newer schema was accepted")
        } catch DatabaseError.newerSchema(let found, let known) {
            #expect((found, known) == (1, 0))
        }
    }

    @Test("A file that cannot be opened is an outage in one line")
    func unavailable() {
        #expect(throws: DatabaseError.self) { try SQLiteDatabase(path: "/proc/none/x.db") }
    }
}
