import Database
import Testing
import Values

@Suite("Migrations")
struct MigratorTests {
    private let now = Timestamp(clamping: 1)
    private let first = Migration("first") { sql in
        ["CREATE TABLE one (id \(sql.bigint))", "INSERT INTO one (id) VALUES (1)"]
    }

    @Test(
        "They run once, a failing one leaves nothing, a newer schema is refused",
        arguments: Engine.all)
    func once(engine: Engine) async throws {
        try await engine.withDatabase { test in
            let broken = Migration("broken") { _ in ["CREATE TABLE two (id INTEGER)", "NONSENSE"] }
            let database = test.database
            #expect(try await Migrator([first]).migrate(database, now: now) == ["first"])
            #expect(try await Migrator([first]).migrate(database, now: now) == [])
            await #expect(throws: (any Error).self) {
                try await Migrator([first, broken]).migrate(database, now: now)
            }
            await #expect(throws: DatabaseError.self) {
                try await test.integer("SELECT 1 FROM two")
            }
            do {
                try await Migrator([]).migrate(database, now: now)
                Issue.record("a newer schema was accepted")
            } catch DatabaseError.newerSchema(let found, let known) {
                #expect((found, known) == (1, 0))
            }
        }
    }

    @Test("Ten at once apply each once", arguments: Engine.all)
    func together(engine: Engine) async throws {
        try await engine.withDatabase { test in
            let applied = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        let database = try test.open()
                        let applied = try await Migrator([first]).migrate(database, now: now)
                        try database.close()
                        return applied
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(applied == ["first"])
            #expect(try await test.integer("SELECT count(*) FROM one") == 1)
        }
    }
}
