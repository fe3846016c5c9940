import Database
import Foundation
import Service

/// Where the bench measures: a database for the server, and the bare database beside it.
protocol BenchGround {
    /// `DATABASE_URL` of the server.
    var url: String { get }
    /// What the server is compared with.
    var bareName: String { get }

    /// Reserves and commits as fast as the bare database can.
    /// - Returns: the cycles, and the seconds that they took.
    func bareCycles(seconds: Int) async throws -> (cycles: Double, seconds: Double)

    /// How long one durable database transaction takes that nobody else is beside.
    func loneMilliseconds() async throws -> Double

    /// Leaves nothing behind.
    func close() async throws
}

/// SQLite has one writer, so the fastest bare use of it is one thread in a loop.
final class SQLiteGround: BenchGround {
    let url: String
    let bareName = "the bare loop, one durable transaction an operation"
    private let core: CareerCore
    private let loop: BareLoop
    private let accounts: [UUID]
    private var done = 0
    private var elapsed = 0.0

    init(folder: String, catalog: String, clients: Int) async throws {
        url = "sqlite:\(folder)/served.db"
        core = try await CareerCore.openBare(in: folder, catalog: catalog)
        let loop = BareLoop(core)
        self.loop = loop
        accounts = try await (0..<clients).asyncMap { try await loop.addUser(number: $0) }
    }

    func bareCycles(seconds: Int) async throws -> (cycles: Double, seconds: Double) {
        let start = ContinuousClock.now
        let before = done
        while ContinuousClock.now - start < .seconds(seconds) {
            try loop.cycle(
                user: accounts[done % accounts.count], featureKey: "career.job_match",
                number: done)
            done += 1
        }
        let elapsed = (ContinuousClock.now - start) / .seconds(1)
        self.elapsed += elapsed
        return (Double(done - before), elapsed)
    }

    func loneMilliseconds() async throws -> Double { elapsed * 1000 / Double(done * 2) }

    func close() async throws {
        try core.close()
    }
}

/// PostgreSQL's own bench runs the cycle as two database transactions of one statement each, with
/// as many clients as the server gets.
final class PostgreSQLGround: BenchGround {
    let bareName: String
    private let schemas: BenchSchemas
    private let clients: Int
    private let script: String
    private let program: URL

    private var bareURL: String { schemas.urls[0] }
    var url: String { schemas.urls[1] }

    init(url: String, folder: String, clients: Int) async throws {
        program = try Self.program()
        self.clients = clients
        bareName = "pgbench, \(clients) clients, two transactions a cycle"
        script = folder + "/cycle.sql"
        try Data(Self.cycle.utf8).write(to: URL(filePath: script))
        schemas = try await BenchSchemas(2, in: url) { connection, names in
            for statement in Self.tables {
                try connection.execute(statement.replacing("SCHEMA", with: names[0]))
            }
            try connection.execute(
                """
                INSERT INTO \(names[0]).accounts (id, allocated, used, reserved)
                SELECT number, 1000000000000000, 0, 0 FROM generate_series(0, \(clients)) AS number
                """)
        }
    }

    private static let tables = [
        """
        CREATE TABLE SCHEMA.accounts (
            id BIGINT PRIMARY KEY, allocated BIGINT NOT NULL, used BIGINT NOT NULL,
            reserved BIGINT NOT NULL)
        """,
        """
        CREATE TABLE SCHEMA.logs (
            id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
            account BIGINT NOT NULL REFERENCES SCHEMA.accounts (id), request TEXT NOT NULL,
            status TEXT NOT NULL, reserved BIGINT NOT NULL, charged BIGINT,
            created_at TIMESTAMPTZ NOT NULL DEFAULT now(), committed_at TIMESTAMPTZ,
            UNIQUE (account, request))
        """,
    ]

    private static let cycle = """
        \\set request random(1, 9000000000000000000)
        WITH account AS (
            UPDATE accounts SET reserved = reserved + 1000000
            WHERE id = :client_id AND used + reserved + 1000000 <= allocated RETURNING id)
        INSERT INTO logs (account, request, status, reserved)
        SELECT id, CAST(CAST(:request AS BIGINT) AS TEXT), 'PENDING', 1000000 FROM account
        RETURNING id AS log \\gset
        WITH log AS (
            UPDATE logs SET status = 'SUCCESS', charged = reserved, committed_at = now()
            WHERE id = :log AND status = 'PENDING' RETURNING account, reserved)
        UPDATE accounts SET used = accounts.used + log.reserved,
            reserved = accounts.reserved - log.reserved
        FROM log WHERE accounts.id = log.account;

        """

    func bareCycles(seconds: Int) async throws -> (cycles: Double, seconds: Double) {
        (try pgbench(clients: clients, seconds: seconds) * Double(seconds), Double(seconds))
    }

    func loneMilliseconds() async throws -> Double {
        1000 / (try pgbench(clients: 1, seconds: 3) * 2)
    }

    /// - Returns: cycles in a second.
    private func pgbench(clients: Int, seconds: Int) throws -> Double {
        let process = Process()
        process.executableURL = program
        process.arguments = [
            "--no-vacuum", "--protocol=prepared", "--client=\(clients)",
            "--jobs=\(min(clients, 2))", "--time=\(seconds)", "--file=\(script)", bareURL,
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try Self.runHearingSignals(process)
        let text = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0,
            let rate = text.firstMatch(of: /tps = ([0-9.]+)/).flatMap({ Double($0.1) })
        else { throw FriendlyError("pgbench failed: \(text.prefix(500))") }
        return rate
    }

    /// A thread of the concurrency pool hears no signals, and what it starts inherits that: pgbench
    /// would never hear the alarm at which it ends.
    private static func runHearingSignals(_ process: Process) throws {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try process.run()
    }

    /// On PATH, or where Debian puts it.
    private static func program() throws -> URL {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let debian = "/usr/lib/postgresql"
        let versions =
            FileManager.default.fileExists(atPath: debian)
            ? try FileManager.default.contentsOfDirectory(atPath: debian).sorted().reversed() : []
        let folders =
            path.split(separator: ":").map(String.init)
            + versions.map { "\(debian)/\($0)/bin" }
        for folder in folders {
            let file = folder + "/pgbench"
            // What Debian has on PATH is a script that may find no version.
            if FileManager.default.isExecutableFile(atPath: file), !file.hasPrefix("/usr/bin") {
                return URL(filePath: file)
            }
        }
        throw FriendlyError("pgbench was not found; it comes with the package postgresql")
    }

    func close() async throws {
        try await schemas.drop()
    }
}

/// Schemas of the bench's own in somebody's PostgreSQL, for a while.
struct BenchSchemas {
    let names: [String]
    /// Of the database, each with its schema before all others.
    let urls: [String]
    private let database: PostgreSQLDatabase

    /// - Parameter fill: what is made in the same database transaction, given the schemas' names.
    init(
        _ number: Int, in url: String,
        fill: @escaping @Sendable (any DatabaseConnection, [String]) throws -> Void = { _, _ in }
    ) async throws {
        let name = "bench_" + UUID().text.filter { $0 != "-" }
        let names = (0..<number).map { "\(name)_\($0)" }
        self.names = names
        urls = names.map {
            url + (url.contains("?") ? "&" : "?") + "options=-csearch_path%3D\($0)"
        }
        database = try PostgreSQLDatabase(url: url)
        _ = try await database.write { connection in
            for name in names { try connection.execute("CREATE SCHEMA \(name)") }
            try fill(connection, names)
        }
    }

    func drop() async throws {
        let names = names
        _ = try await database.write { connection in
            for name in names { try connection.execute("DROP SCHEMA \(name) CASCADE") }
        }
        try database.close()
    }
}
