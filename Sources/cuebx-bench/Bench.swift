import ArgumentParser
import Foundation
import JSON
import Service

/// What is measured.
@main
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cuebx-bench",
        abstract: "Measure against the bare database, one process, a small database.",
        subcommands: [
            Bench.self, BenchWebhooks.self, BenchProcesses.self, BenchGrowth.self,
            BenchFamily.self, BatchedClient.self,
        ],
        defaultSubcommand: Bench.self)
}

/// A closed loop of validate + commit cycles over real HTTP with real tokens, against a server of
/// its own, beside the bare database: on SQLite a loop of the same statements on the same disk, on
/// PostgreSQL its own pgbench with as many clients on the same server.
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metering",
        abstract: "Measure metering cycles against the bare database.")

    @OptionGroup var options: BenchOptions

    @OptionGroup var turns: BenchTurns

    @Option(
        help:
            "A PostgreSQL to measure on, as a URL; it gets schemas of the bench's own, for a while."
    )
    var database: String?

    @Flag(
        help: """
            The clients as callers in \(BatchedLoad.processes) client processes, each with one \
            batch in flight.
            """)
    var batched = false

    @Option(
        help: """
            "api": calls by key, beside users' calls on the same server in place of the bare \
            database.
            """)
    var product = BenchProduct.career

    @Option(help: "Workspaces to which the keys are dealt out; as many as clients if not given.")
    var workspaces: Int?

    func validate() throws {
        guard let workspaces else { return }
        guard product == .api else { throw ValidationError("workspaces are of --product api") }
        guard (1...options.clients).contains(workspaces),
            options.clients <= workspaces * Self.mostKeys
        else { throw ValidationError("1 to CLIENTS workspaces of at most \(Self.mostKeys) keys") }
    }

    func run() async throws {
        try await options.inNewFolder { path in
            if product == .api { try await measureKeys(in: path) } else { try await run(in: path) }
        }
    }

    private func run(in path: String) async throws {
        let catalog = try BenchServer.writeCatalog(to: path)
        let (bare, served) = try await measure(path: path, catalog: catalog)
        let lone = served.lone
        let figures: JSONValue = [
            "clients": .int(Int64(options.clients)), "batched": .bool(batched),
            "cycles_per_second": number(served.load.cyclesPerSecond),
            "bare_cycles_per_second": number(bare.rate),
            "ratio": number(served.load.cyclesPerSecond / bare.rate),
            "rounds": .int(Int64(turns.rounds)),
            "validate_ms": percentiles(served.load.validate),
            "commit_ms": percentiles(served.load.commit),
            "lone_validate_ms": percentiles(lone.validate),
            "bare_transaction_ms": number(bare.loneMilliseconds),
            "server_cpu_us_per_cycle": number(served.cpuMicrosecondsPerCycle),
            "resident_mib": number(served.residentMiB),
            "start_ms": number(served.startMilliseconds),
            "errors": .int(Int64(served.load.errors + lone.errors)),
        ]
        try options.report(figures)
        guard served.load.errors + lone.errors == 0 else {
            throw FriendlyError("some requests were not granted")
        }
    }

    private struct Bare {
        var cycles = 0.0
        var seconds = 0.0
        /// Of one database transaction with nobody beside it.
        var loneMilliseconds = 0.0

        var rate: Double { cycles / seconds }
    }

    private struct Served {
        var load = LoadFigures()
        var lone = LoadFigures()
        var cpuSeconds = 0.0
        var residentMiB = 0.0
        var startMilliseconds = 0.0

        var cpuMicrosecondsPerCycle: Double {
            cpuSeconds * 1e6 / Double(load.cycles)
        }
    }

    /// The bare database and the server take turns, so that a machine that is slower for a while is
    /// slower for both.
    private func measure(path: String, catalog: String) async throws -> (Bare, Served) {
        let clients = options.clients
        let ground: any BenchGround
        if let database {
            ground = try await PostgreSQLGround(url: database, folder: path, clients: clients)
        } else {
            ground = try await SQLiteGround(folder: path, catalog: catalog, clients: clients)
        }
        do {
            let figures = try await measure(on: ground, catalog: catalog)
            try await ground.close()
            return figures
        } catch {
            try await ground.close()
            throw error
        }
    }

    private func measure(
        on ground: any BenchGround, catalog: String
    ) async throws -> (Bare, Served) {
        let clients = options.clients
        var server = try await BenchServer.start(database: ground.url, catalog: catalog)
        var bare = Bare()
        var served = Served()
        do {
            note("signing up \(clients) users …")
            let users = try await server.signUp(clients)
            // The first start made the database; the one that is timed finds it there.
            server.stop()
            server = try await BenchServer.start(database: ground.url, catalog: catalog)
            served.startMilliseconds = server.startMilliseconds
            let span = turns.span
            for round in 1...turns.rounds {
                note("round \(round): \(ground.bareName) …")
                let (cycles, elapsed) = try await ground.bareCycles(seconds: span)
                bare.cycles += cycles
                bare.seconds += elapsed
                note("round \(round): the server, \(clients) clients …")
                let cpu = server.cpuSeconds()
                served.load += try await load(server.port, users, seconds: span)
                served.cpuSeconds += server.cpuSeconds() - cpu
            }
            served.residentMiB = server.residentMiB()
            note("one client alone …")
            bare.loneMilliseconds = try await ground.loneMilliseconds()
            served.lone = try await LoadGenerator(
                ports: [server.port], users: Array(users.prefix(1)), seconds: min(turns.seconds, 3)
            ).run(progress: note)
        } catch {
            server.stop()
            throw error
        }
        server.stop()
        return (bare, served)
    }

    func load(
        _ port: Int, _ users: [BenchServer.User], seconds: Int
    ) async throws -> LoadFigures {
        guard batched else {
            return try await LoadGenerator(
                ports: [port], users: users, seconds: seconds
            ).run(progress: note)
        }
        return try await BatchedLoad(
            port: port, users: users, seconds: seconds
        ).run(progress: note)
    }
}
