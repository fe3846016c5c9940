import ArgumentParser
import Career
import Database
import Foundation
import JSON

/// The load of ``Bench`` on one process and, in turns, on several that share a PostgreSQL. On a
/// machine that one process fills, each may be held to a part of a core by a command it runs under:
/// what a further process adds then shows as it would with cores of its own.
struct BenchProcesses: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "processes",
        abstract: "Measure what further processes add on one PostgreSQL.",
        discussion: """
            Ends with the audit, and with every cycle that was answered found charged once in the \
            database.
            """)

    @OptionGroup var options: BenchOptions

    @Option(help: "Processes that serve; the first one alone is what they are compared with.")
    var processes = 2

    @Option(help: "Seconds of each measurement, over all rounds.")
    var seconds = 12

    @Option(help: "Rounds in which one process and all of them take turns.")
    var rounds = 3

    @Option(help: "A PostgreSQL to measure on, as a URL; it gets a schema of the bench's own.")
    var database: String

    @Option(
        help: """
            A command that each process is started by, for example one that bounds its share of a \
            core: "systemd-run --quiet --scope --property=CPUQuota=25%".
            """)
    var under = ""

    func validate() throws {
        guard (2...16).contains(processes) else { throw ValidationError("2 to 16 processes") }
        guard (1...600).contains(seconds) else { throw ValidationError("1 to 600 seconds") }
        guard (1...seconds).contains(rounds) else { throw ValidationError("1 to SECONDS rounds") }
    }

    func run() async throws {
        try await options.inNewFolder { path in
            let catalog = try BenchServer.writeCatalog(to: path)
            let schema = try await BenchSchema(in: database)
            do {
                try await measure(on: schema.url, catalog: catalog)
                try await schema.drop()
            } catch {
                try await schema.drop()
                throw error
            }
        }
    }

    private func measure(on url: String, catalog: String) async throws {
        var servers: [BenchServer] = []
        defer { for server in servers { server.stop() } }
        let wrapper = under.split(separator: " ").map(String.init)
        for number in 1...processes {
            // One of them works off the queue; that is enough for the users' mails.
            servers.append(
                try await BenchServer.start(
                    database: url, catalog: catalog,
                    arguments: number == 1 ? ["serve"] : ["serve", "--no-worker"], under: wrapper,
                    environment: ["STRIPE_API_BASE": "http://127.0.0.1:9"]))
        }
        note("signing up \(options.clients) users …")
        let users = try await servers[0].signUp(options.clients)
        let (alone, together) = try await takeTurns(servers, users)
        let exactness = try await count(url)
        let answered = alone.load.cycles + together.load.cycles
        // A client that is stopped may have had its commit applied and not have read the answer.
        let unread = exactness.charged - Int64(answered)
        try options.report([
            "processes": .int(Int64(processes)), "clients": .int(Int64(options.clients)),
            "one_cycles_per_second": number(alone.load.cyclesPerSecond),
            "all_cycles_per_second": number(together.load.cyclesPerSecond),
            "ratio": number(together.load.cyclesPerSecond / alone.load.cyclesPerSecond),
            "one_cores": number(alone.cores), "all_cores": number(together.cores),
            "one_validate_ms": percentiles(alone.load.validate),
            "all_validate_ms": percentiles(together.load.validate),
            "answered": .int(Int64(answered)), "charged_unread": .int(unread),
            "findings": .int(exactness.findings),
            "errors": .int(Int64(alone.load.errors + together.load.errors)),
        ])
        guard alone.load.errors + together.load.errors == 0 else {
            throw FriendlyError("some requests were not granted")
        }
        guard exactness.findings == 0, (0...Int64(options.clients * rounds * 2)).contains(unread)
        else { throw FriendlyError("what was answered is not what was charged") }
    }

    private struct Side {
        var load = LoadFigures()
        var cpuSeconds = 0.0

        /// What the processes computed with, on average.
        var cores: Double { cpuSeconds / load.seconds }
    }

    private func takeTurns(
        _ servers: [BenchServer], _ users: [BenchServer.User]
    ) async throws -> (alone: Side, together: Side) {
        var (alone, together) = (Side(), Side())
        for round in 1...rounds {
            note("round \(round): one process …")
            try await load(Array(servers.prefix(1)), users, into: &alone)
            note("round \(round): \(processes) processes …")
            try await load(servers, users, into: &together)
        }
        return (alone, together)
    }

    private func load(
        _ servers: [BenchServer], _ users: [BenchServer.User], into side: inout Side
    ) async throws {
        func cpuSeconds() -> Double { servers.reduce(0) { $0 + $1.cpuSeconds() } }
        let before = cpuSeconds()
        side.load += try await LoadGenerator(
            ports: servers.map(\.port), users: users, seconds: max(1, seconds / rounds)
        ).run(progress: note)
        side.cpuSeconds += cpuSeconds() - before
    }

    /// - Returns: the calls that were charged, and what the audit finds.
    private func count(_ url: String) async throws -> (charged: Int64, findings: Int64) {
        let database = try PostgreSQLDatabase(url: url)
        defer { try? database.close() }
        let report = try await LedgerAudit(database: database).run()
        let charged = try await database.read { connection in
            var reader = try connection.query(
                """
                SELECT count(*) FROM career_usage_logs
                WHERE status = 'SUCCESS' AND credits_charged > 0
                """)[0].reader
            return try reader.integer()
        }
        return (charged, report.found)
    }
}
