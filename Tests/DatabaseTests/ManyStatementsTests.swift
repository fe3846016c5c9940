import Database
import Foundation
import Testing

@Suite("Many statements at once")
struct ManyStatementsTests {
    @Test("Many statements answer in the order of their arguments", arguments: Engine.all)
    func many(engine: Engine) async throws {
        try await engine.withDatabase { test in
            try await test.createTable()
            try await test.insert(1...3)
            let (counts, rows) = try await test.database.write { connection in
                (
                    try connection.executeMany(
                        "UPDATE t SET s = 'x' WHERE id >= ?", [[.integer(2)], [.integer(9)]]),
                    try connection.queryMany(
                        "SELECT id FROM t WHERE id = ?",
                        [[.integer(3)], [.integer(9)], [.integer(1)]])
                )
            }
            #expect(counts == [2, 0])
            #expect(rows.map { $0.map(\.values) } == [[[.integer(3)]], [], [[.integer(1)]]])
        }
    }

    @Test("Queries asked together answer each for itself", arguments: Engine.all)
    func batches(engine: Engine) async throws {
        try await engine.withDatabase { test in
            try await test.createTable()
            try await test.insert(1...3)
            let answers = try await test.database.write { connection in
                try connection.enqueueMany(
                    "UPDATE t SET n = n + ? WHERE id = ?",
                    [[.integer(3), .integer(1)], [.integer(2), .integer(2)]])
                return try connection.queryBatches([
                    StatementBatch("SELECT n FROM t WHERE id = ?", [[.integer(1)]]),
                    StatementBatch("SELECT s FROM t WHERE id = ?", []),
                    StatementBatch(
                        "SELECT id FROM t WHERE id > ?", [[.integer(9)], [.integer(2)]]),
                ])
            }
            #expect(
                answers.map { $0.map { $0.map(\.values) } }
                    == [[[[.integer(4)]]], [], [[], [[.integer(3)]]]])
        }
    }

    @Test("Each run of a query keeps its own order and its own limit", arguments: Engine.all)
    func runsOfQueries(engine: Engine) async throws {
        try await engine.withDatabase { test in
            try await test.createTable()
            try await test.insert(1...6)
            let found = try await test.database.write { connection in
                try connection.queryMany(
                    """
                    SELECT id, s, id FROM t WHERE id > ? AND (s = ? OR id < 6)
                    ORDER BY id DESC LIMIT 2\(connection.dialect.lockRows)
                    """, [[.integer(4), .null], [.integer(6), .text("")], [.integer(1), .null]])
            }
            #expect(
                found.map { $0.map(\.values) } == [
                    [[.integer(5), .null, .integer(5)]], [],
                    [[.integer(5), .null, .integer(5)], [.integer(4), .null, .integer(4)]],
                ])
        }
    }

    @Test("Rows that are written together come back as they went in", arguments: Engine.all)
    func writtenTogether(engine: Engine) async throws {
        try await engine.withDatabase { test in
            try await test.createTable()
            let rows: [[SQLValue]] = [
                [.integer(1), .integer(.max), .text(""), .uuid(UUID()), .blob([])],
                [.integer(.min), .null, .text("é 😀 {NULL,\"} \u{1} ?'"), .null, .blob([0, 255])],
                [.integer(0), .null, .null, .null, .null],
            ]
            let changed = try await test.database.write { connection in
                try connection.enqueueMany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", rows)
                try connection.enqueueMany(
                    """
                    UPDATE t SET n = ?, s = s || ' WHERE ?', u = (SELECT u FROM t WHERE id = 1)
                    WHERE id = ?
                    """, [[.integer(7), .integer(1)], [.null, .integer(Int64.min)]])
                try connection.enqueueMany(
                    "INSERT INTO t (id, s) VALUES (?, ') VALUES (?')",
                    [[.integer(5)], [.integer(6)]])
                return try connection.query("SELECT * FROM t ORDER BY id").map(\.values)
            }
            #expect(
                changed == [
                    [
                        rows[1][0], .null, .text("é 😀 {NULL,\"} \u{1} ?' WHERE ?"), rows[0][3],
                        rows[1][4],
                    ],
                    rows[2],
                    [.integer(1), .integer(7), .text(" WHERE ?"), rows[0][3], rows[0][4]],
                    [.integer(5), .null, .text(") VALUES (?"), .null, .null],
                    [.integer(6), .null, .text(") VALUES (?"), .null, .null],
                ])
        }
    }

    @Test(
        "Whoever conflicts with a row in place of inserting it is asked for each row",
        arguments: Engine.all)
    func conflictsTogether(engine: Engine) async throws {
        try await engine.withDatabase { test in
            try await test.createTable()
            try await test.insert(1...1)
            let sum = try await test.database.write { connection in
                try connection.enqueueMany(
                    "INSERT INTO t (id, n) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET n = 10",
                    [[.integer(1), .integer(5)], [.integer(2), .integer(6)]])
                return try connection.query("SELECT n FROM t ORDER BY id").map(\.values)
            }
            #expect(sum == [[.integer(10)], [.integer(6)]])
        }
    }

    @Test(
        "A statement sent along fails the write at the latest with its commit",
        arguments: Engine.all)
    func enqueued(engine: Engine) async throws {
        try await engine.withDatabase { test in
            try await test.createTable()
            try await test.insert(1...1)
            await #expect {
                try await test.database.write { connection in
                    try connection.enqueueMany(
                        "INSERT INTO t (id) VALUES (?)", [[.integer(2)], [.integer(1)]])
                }
            } throws: {
                guard case DatabaseError.duplicate = $0 else { return false }
                return true
            }
            #expect(try await test.integer("SELECT count(*) FROM t") == 1)
        }
    }

    @Test("Thousands of statements go through in one write", arguments: Engine.all)
    func thousands(engine: Engine) async throws {
        try await engine.withDatabase { test in
            try await test.createTable()
            try await test.insert(1...3500)
            let found = try await test.database.write { connection in
                try connection.enqueueMany(
                    "UPDATE t SET n = id WHERE id = ?", (1...3500).map { [.integer($0)] })
                return try connection.queryMany(
                    "SELECT n FROM t WHERE id = ?", (1...3500).map { [.integer($0)] })
            }
            #expect(found.map { $0.first?.values } == (1...3500).map { [.integer($0)] })
        }
    }
}
