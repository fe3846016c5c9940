import Database
import Foundation
import Testing

/// What only a server can do to its client.
@Suite("PostgreSQL")
struct PostgreSQLTests {
    private func isUnavailable(_ error: any Error) -> Bool {
        if case DatabaseError.unavailable = error { return true }
        return false
    }

    private func end(_ pid: Int64, _ test: TestDatabase) async throws {
        _ = try await test.database.write { connection in
            try connection.query(
                "SELECT pg_terminate_backend(CAST(? AS INTEGER), 5000)", [.integer(pid)])
        }
    }

    @Test("A connection that ended while it lay idle is made anew, unseen by its user")
    func idleConnection() async throws {
        try await Engine.postgresql.withDatabase { test in
            try await test.createTable()
            let other = try test.open()
            for _ in 0..<3 {
                let pid = try other.readBlocking { connection in
                    var reader = try connection.query("SELECT pg_backend_pid()")[0].reader
                    return try reader.integer()
                }
                try await end(pid, test)
                try other.writeBlocking {
                    _ = try $0.execute("INSERT INTO t (id) SELECT count(*) FROM t")
                }
            }
            try other.close()
            #expect(try await test.integer("SELECT count(*) FROM t") == 3)
        }
    }

    @Test("A connection that ends in mid-write is an outage, writes nothing and is not used again")
    func brokenConnection() async throws {
        try await Engine.postgresql.withDatabase { test in
            try await test.createTable()
            let other = try test.open()
            #expect {
                try other.writeBlocking { connection in
                    try connection.execute("INSERT INTO t (id) VALUES (1)")
                    _ = try connection.query("SELECT pg_terminate_backend(pg_backend_pid())")
                    try connection.execute("INSERT INTO t (id) VALUES (2)")
                }
            } throws: {
                isUnavailable($0)
            }
            try other.writeBlocking { _ = try $0.execute("INSERT INTO t (id) VALUES (3)") }
            try other.close()
            #expect(try await test.integer("SELECT sum(id)::bigint FROM t") == 3)
        }
    }

    @Test("A COMMIT whose answer is lost is an outage and is not sent again")
    func lostCommit() async throws {
        try await Engine.postgresql.withDatabase { test in
            try await test.createTable()
            _ = try await test.database.write { connection in
                // The server ends the connection while it commits.
                try connection.execute(
                    """
                    CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
                    'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'
                    """)
                try connection.execute(
                    """
                    CREATE CONSTRAINT TRIGGER die AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW WHEN (NEW.id = 7) EXECUTE FUNCTION die()
                    """)
            }
            let runs = Counter()
            #expect {
                try test.database.writeBlocking { connection in
                    runs.count += 1
                    try connection.enqueueMany("INSERT INTO t (id) VALUES (?)", [[.integer(7)]])
                }
            } throws: {
                isUnavailable($0) && "\($0)".contains("COMMIT")
            }
            #expect(runs.count == 1)
        }
    }

    private final class Counter {
        var count = 0
    }

    @Test("An error that a write passes over fails it all the same")
    func passedOver() async throws {
        try await Engine.postgresql.withDatabase { test in
            try await test.createTable()
            try await test.insert(1...1)
            await #expect(throws: DatabaseError.self) {
                try await test.database.write { connection in
                    try connection.execute("INSERT INTO t (id) VALUES (2)")
                    do {
                        try connection.execute("INSERT INTO t (id) VALUES (1)")
                    } catch {
                        // The server has given the whole database transaction up.
                    }
                }
            }
            #expect(try await test.integer("SELECT count(*) FROM t") == 1)
        }
    }

    @Test("Of two writes that wait for each other both are carried out")
    func deadlock() async throws {
        try await Engine.postgresql.withDatabase { test in
            try await test.createTable()
            try await test.insert(1...2)
            let met = Barrier(2)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for order in [[1, 2], [2, 1]] {
                    group.addTask {
                        _ = try await test.database.write { connection in
                            for (index, id) in order.enumerated() {
                                if index == 1 { met.wait() }
                                try connection.execute(
                                    "UPDATE t SET n = n + 1 WHERE id = ?", [.integer(id)])
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await test.integer("SELECT sum(n)::bigint FROM t") == 6)
        }
    }

    /// Lets the first so many through together, and everybody later at once.
    private final class Barrier: Sendable {
        private let condition = NSCondition()
        private nonisolated(unsafe) var missing: Int

        init(_ number: Int) {
            missing = number
        }

        func wait() {
            condition.lock()
            missing -= 1
            condition.broadcast()
            while missing > 0 { condition.wait() }
            condition.unlock()
        }
    }

    @Test("A statement that takes too long, or waits too long, is an outage")
    func timeouts() async throws {
        try await Engine.postgresql.withDatabase { test in
            for (name, value) in [
                ("statement_timeout", "15s"), ("lock_timeout", "5s"),
                ("idle_in_transaction_session_timeout", "30s"), ("synchronous_commit", "on"),
            ] {
                let found = try await test.database.read {
                    try $0.query("SELECT current_setting('\(name)')")[0].values
                }
                #expect(found == [.text(value)])
            }
            for setting in ["statement_timeout", "lock_timeout"] {
                await #expect {
                    try await test.database.write { connection in
                        try connection.execute("SET LOCAL \(setting) = 20")
                        _ = try test.database.writeBlocking { other in
                            _ = try other.query("SELECT pg_advisory_xact_lock(5)")
                            return try connection.query("SELECT pg_advisory_xact_lock(5)")
                        }
                    }
                } throws: {
                    isUnavailable($0)
                }
            }
        }
    }

    @Test("A server that does not wait for its disk is told to, a stronger promise is left alone")
    func durability() async throws {
        guard let url = ProcessInfo.processInfo.environment["CUEBX_TEST_POSTGRESQL"] else {
            throw Engine.Missing()
        }
        for (setting, expected) in [("off", "on"), ("remote_apply", "remote_apply")] {
            let database = try PostgreSQLDatabase(
                url: url + "&options=-csynchronous_commit%3D\(setting)")
            let found = try await database.read {
                try $0.query("SELECT current_setting('synchronous_commit')")[0].values
            }
            try database.close()
            #expect(found == [.text(expected)])
        }
    }

    @Test("A type that the engines do not share says what to do")
    func otherTypes() async throws {
        try await Engine.postgresql.withDatabase { test in
            try await test.createTable()
            try await test.insert(1...1)
            await #expect {
                try await test.database.read { try $0.query("SELECT sum(n) FROM t") }
            } throws: {
                "\($0)".contains("cast it")
            }
            await #expect(throws: DatabaseError.self) {
                try await test.database.write {
                    try $0.execute("UPDATE t SET s = ?", [.text("a\0b")])
                }
            }
        }
    }

    @Test("Many jobs share few connections")
    func pool() async throws {
        try await Engine.postgresql.withDatabase { test in
            let name = "pool-\(UUID().uuidString)"
            let most = try await withThrowingTaskGroup(of: Int64.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        try await test.database.read { connection in
                            _ = try connection.query(
                                "SELECT set_config('application_name', ?, false)",
                                [.text(name)])
                            var reader = try connection.query(
                                "SELECT count(*) FROM pg_stat_activity WHERE application_name = ?",
                                [.text(name)])[0].reader
                            return try reader.integer()
                        }
                    }
                }
                return try await group.reduce(0) { max($0, $1) }
            }
            #expect((1...8).contains(most))
        }
    }
}
