import ArgumentParser
import Database
import Foundation
import JSON
import LedgerStore
import Service

/// The load of ``Bench`` on one process and, in turns, on several that share a PostgreSQL. On a
/// machine that one process fills, each may be held to a part of a core by a command it runs under:
/// what a further process adds then shows as it would with cores of its own.
struct BenchProcesses: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "processes",
        abstract: "Measure what further processes add on one PostgreSQL.",
        discussion: """
            Ends with the audit, and with as many calls charged as cycles were answered, but for \
            those that were under way when a load ended.
            """)

    @OptionGroup var options: BenchOptions

    @Option(help: "Processes that serve; the first one alone is what they are compared with.")
    var processes = 2

    @OptionGroup var turns: BenchTurns

    @Option(help: "A PostgreSQL to measure on, as a URL; it gets a schema of the bench's own.")
    var database: String

    @Option(
        help: """
            A command that becomes each process (it must exec), for example one that bounds its \
            share of a core: "systemd-run --quiet --scope --property=CPUQuota=25%", as root.
            """)
    var under = ""

    func validate() throws {
        guard (2...16).contains(processes) else { throw ValidationError("2 to 16 processes") }
    }

    func run() async throws {
        try await options.inNewFolder { path in
            let catalog = try BenchServer.writeCatalog(to: path)
            let schemas = try await BenchSchemas(1, in: database)
            do {
                try await measure(on: schemas.urls[0], catalog: catalog)
            } catch {
                let reason = error
                do {
                    try await schemas.drop()
                } catch {
                    note("schemas of the bench are left: \(error)")
                }
                throw reason
            }
            try await schemas.drop()
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
                    environment: ["STRIPE_API_BASE": BenchServer.noStripe]))
        }
        note("signing up \(options.clients) users …")
        let users = try await servers[0].signUp(options.clients)
        var sides = [
            BenchSide("one process", servers: Array(servers.prefix(1)), users: users),
            BenchSide("\(processes) processes", servers: servers, users: users),
        ]
        try await sides.takeTurns(turns, note: note)
        let (alone, together) = (sides[0], sides[1])
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
        guard exactness.findings == 0,
            (0...Int64(options.clients * turns.rounds * 2)).contains(unread)
        else { throw FriendlyError("what was answered is not what was charged") }
    }

    /// - Returns: the calls that were charged, and what the audit finds.
    private func count(_ url: String) async throws -> (charged: Int64, findings: Int64) {
        let database = try PostgreSQLDatabase(url: url)
        let report = try await LedgerAudit(database: database).run()
        let charged = try await database.read { connection in
            var reader = try connection.query(
                """
                SELECT count(*) FROM career_usage_logs
                WHERE status = 'SUCCESS' AND credits_charged > 0
                """)[0].reader
            return try reader.integer()
        }
        try database.close()
        return (charged, report.found)
    }
}
