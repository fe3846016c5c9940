import Database
import Foundation
import Testing

/// What every engine promises of a database transaction as a whole.
@Suite("Database transactions")
struct TransactionTests {
    @Test("A write that throws leaves nothing", arguments: Engine.all)
    func rollback(engine: Engine) async throws {
        try await engine.withDatabase { test in
            try await test.createTable()
            await #expect(throws: CancellationError.self) {
                try await test.database.write { connection in
                    try connection.execute("INSERT INTO t (id) VALUES (1)")
                    throw CancellationError()
                }
            }
            #expect(try await test.integer("SELECT count(*) FROM t") == 0)
        }
    }

    @Test("What was asked for is done, though its task is canceled", arguments: Engine.all)
    func cancellation(engine: Engine) async throws {
        try await engine.withDatabase { test in
            try await test.createTable()
            let (begun, begin) = AsyncStream.makeStream(of: Void.self)
            let canGoOn = DispatchSemaphore(value: 0)
            let task = Task {
                _ = try await test.database.write { connection in
                    begin.finish()
                    canGoOn.wait()
                    return try connection.execute("INSERT INTO t (id) VALUES (1)")
                }
                // By now the task was canceled before they begin.
                _ = try await test.database.write {
                    try $0.execute("INSERT INTO t (id) VALUES (2)")
                }
                return try await test.integer("SELECT count(*) FROM t")
            }
            for await _ in begun {}
            task.cancel()
            canGoOn.signal()
            #expect(try await task.value == 2)
        }
    }

    @Test("A read sees one snapshot, and cannot write", arguments: Engine.all)
    func snapshot(engine: Engine) async throws {
        try await engine.withDatabase { test in
            try await test.createTable()
            try await test.insert(1...1)
            let counts = try await test.database.read { connection in
                func count() throws -> Int64 {
                    var reader = try connection.query("SELECT count(*) FROM t")[0].reader
                    return try reader.integer()
                }
                let before = try count()
                let written = DispatchSemaphore(value: 0)
                Thread {
                    do {
                        _ = try test.database.writeBlocking {
                            try $0.execute("INSERT INTO t (id) VALUES (2)")
                        }
                    } catch {
                        Issue.record("the write failed: \(error)")
                    }
                    written.signal()
                }.start()
                written.wait()
                return [before, try count()]
            }
            #expect(counts == [1, 1])
            #expect(try await test.integer("SELECT count(*) FROM t") == 2)
            await #expect(throws: DatabaseError.self) {
                try await test.database.read { try $0.execute("DELETE FROM t") }
            }
        }
    }

    @Test("Whoever reads in order to write loses nobody's change", arguments: Engine.all)
    func lostUpdates(engine: Engine) async throws {
        try await engine.withDatabase { test in
            try await test.createTable()
            try await test.insert(1...1)
            let other = try test.open()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<60 {
                    let database = index % 2 == 0 ? test.database : other
                    group.addTask {
                        _ = try await database.write { connection in
                            var reader = try connection.query(
                                "SELECT n FROM t WHERE id = 1" + connection.dialect.lockRows)[0]
                                .reader
                            return try connection.execute(
                                "UPDATE t SET n = ? WHERE id = 1",
                                [.integer(try reader.integer() + 1)])
                        }
                    }
                }
                try await group.waitForAll()
            }
            try other.close()
            #expect(try await test.integer("SELECT n FROM t") == 61)
        }
    }

    @Test(
        "A blocking write that throws, is refused or cannot commit leaves nothing",
        arguments: Engine.all)
    func blocking(engine: Engine) async throws {
        try await engine.withDatabase { test in
            try await test.createTable()
            _ = try await test.database.write {
                try $0.execute(
                    """
                    CREATE TABLE child (
                        parent \($0.dialect.bigint) REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)
                    """)
            }
            let failures: [@Sendable (any DatabaseConnection) throws -> Void] = [
                { _ in throw CancellationError() },
                { _ = try $0.execute("INSERT INTO t (id) VALUES (1)") },
                { _ = try $0.execute("INSERT INTO child (parent) VALUES (7)") },
            ]
            for failure in failures {
                await #expect(throws: (any Error).self) {
                    try await test.writeBlocking {
                        _ = try $0.execute("INSERT INTO t (id) VALUES (1)")
                        try failure($0)
                    }
                }
                #expect(try await test.integer("SELECT count(*) FROM t") == 0)
            }
            _ = try await test.writeBlocking { try $0.execute("INSERT INTO t (id) VALUES (1)") }
            #expect(try await test.integer("SELECT count(*) FROM t") == 1)
        }
    }

    @Test("Each of many texts is answered as it says, and so is a known one", arguments: Engine.all)
    func texts(engine: Engine) async throws {
        try await engine.withDatabase { test in
            try await test.createTable()
            try await test.insert(1...1)
            let known = "SELECT count(*) + 1000 FROM t"
            for number in 1...300 {
                let answers = try await test.writeBlocking { connection in
                    try ["SELECT \(number) + count(*) FROM t", known].map {
                        try connection.query($0)[0].values
                    }
                }
                #expect(answers == [[.integer(Int64(number) + 1)], [.integer(1001)]])
            }
        }
    }

    @Test("A known statement sees a column that was added", arguments: [Engine.sqlite])
    func columns(engine: Engine) async throws {
        try await engine.withDatabase { test in
            _ = try await test.database.write { try $0.execute("CREATE TABLE some (id integer)") }
            func width() async throws -> Int {
                try await test.writeBlocking { connection in
                    _ = try connection.execute("DELETE FROM some WHERE id IS NOT NULL")
                    _ = try connection.execute("INSERT INTO some (id) VALUES (1)")
                    return try connection.query("SELECT * FROM some WHERE id = 1")[0].values.count
                }
            }
            #expect(try await width() == 1)
            _ = try await test.writeBlocking {
                try $0.execute("ALTER TABLE some ADD COLUMN other integer")
            }
            #expect(try await width() == 2)
        }
    }
}
