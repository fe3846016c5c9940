import ArgumentParser
import Career
import CareerDomain
import Foundation
import HTTPClient
import JSON
import Logging

/// A closed loop of validate + commit cycles over real HTTP with real tokens, against a server of
/// its own, beside a bare loop of the same statements on the same disk.
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metering",
        abstract: "Measure metering cycles against a bare loop of the same statements.")

    @Option(help: "Clients that wait for one answer before the next request.")
    var clients = 64

    @Option(help: "Seconds of each measurement, over all rounds.")
    var seconds = 12

    @Option(help: "Rounds in which the bare loop and the server take turns.")
    var rounds = 3

    @Option(help: "Where to work; a folder on the disk to be measured.")
    var folder = "var/bench"

    @Option(help: "Write the figures as JSON to this file.")
    var json: String?

    func validate() throws {
        guard (1...1024).contains(clients) else { throw ValidationError("1 to 1024 clients") }
        guard (1...600).contains(seconds) else { throw ValidationError("1 to 600 seconds") }
        guard (1...seconds).contains(rounds) else { throw ValidationError("1 to SECONDS rounds") }
    }

    func run() async throws {
        let path = folder + "/" + UUID().text
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
        defer {
            do { try FileManager.default.removeItem(atPath: path) } catch { print("\(error)") }
        }
        let catalog = try Self.writeCatalog(to: path)
        let (bare, served) = try await measure(path: path, catalog: catalog)
        let lone = served.lone
        let figures: JSONValue = [
            "clients": .int(Int64(clients)),
            "cycles_per_second": number(served.load.cyclesPerSecond),
            "bare_cycles_per_second": number(bare.rate),
            "ratio": number(served.load.cyclesPerSecond / bare.rate),
            "rounds": .int(Int64(rounds)),
            "validate_ms": percentiles(served.load.validate),
            "commit_ms": percentiles(served.load.commit),
            "lone_validate_ms": percentiles(lone.validate),
            "bare_transaction_ms": number(bare.millisecondsPerTransaction),
            "server_cpu_us_per_cycle": number(served.cpuMicrosecondsPerCycle),
            "resident_mib": number(served.residentMiB),
            "start_ms": number(served.startMilliseconds),
            "errors": .int(Int64(served.load.errors + lone.errors)),
        ]
        print(figures.prettyText)
        if let json { try Data((figures.prettyText + "\n").utf8).write(to: URL(filePath: json)) }
        guard served.load.errors + lone.errors == 0 else {
            throw FriendlyError("some requests were not granted")
        }
    }

    /// The shipped catalog with a Free plan that does not run dry or limit the rate.
    private static func writeCatalog(to folder: String) throws -> String {
        let source =
            ProcessInfo.processInfo.environment["CATALOG"] ?? Settings().catalogPath
        let data = try Data(contentsOf: URL(filePath: source))
        guard var catalog = try JSONValue.parse(Array(data)).object,
            var plans = catalog["plans"]?.array, var free = plans.first?.object
        else { throw FriendlyError("\(source) has no plans") }
        free["credits_allocation"] = "1000000000.00"
        free["rate_limit_per_minute"] = .null
        free["rate_limit_per_day"] = .null
        plans[0] = .object(free)
        catalog["plans"] = .array(plans)
        let path = folder + "/catalog.json"
        try Data(JSONValue.object(catalog).prettyText.utf8).write(to: URL(filePath: path))
        return path
    }

    private struct Bare {
        var cycles = 0
        var seconds = 0.0

        var rate: Double { Double(cycles) / seconds }
        var millisecondsPerTransaction: Double { seconds * 1000 / Double(cycles * 2) }
    }

    private struct Served {
        var load = LoadFigures()
        var lone = LoadFigures()
        var cpuSeconds = 0.0
        var residentMiB = 0.0
        var startMilliseconds = 0.0

        var cpuMicrosecondsPerCycle: Double {
            cpuSeconds * 1e6 / Double(load.validate.count)
        }
    }

    /// The bare loop and the server take turns, so that a machine that is slower for a while is
    /// slower for both.
    private func measure(path: String, catalog: String) async throws -> (Bare, Served) {
        var settings = Settings()
        settings.databaseURL = "sqlite:\(path)/bare.db"
        settings.catalogPath = catalog
        let core = try await CareerCore.open(settings, logger: Logger(label: "bench"))
        let loop = BareLoop(core)
        let accounts = try await (0..<clients).asyncMap { try await loop.addUser(number: $0) }
        var server = try await BenchServer.start(database: "\(path)/served.db", catalog: catalog)
        var bare = Bare()
        var served = Served()
        do {
            note("signing up \(clients) users …")
            let users = try await server.signUp(clients)
            // The first start made the database; the one that is timed finds it there.
            server.stop()
            server = try await BenchServer.start(
                database: "\(path)/served.db", catalog: catalog)
            served.startMilliseconds = server.startMilliseconds
            let span = max(1, seconds / rounds)
            for round in 1...rounds {
                note("round \(round): the bare loop, one durable transaction an operation …")
                try run(loop, accounts, seconds: span, into: &bare)
                note("round \(round): the server, \(clients) clients …")
                let cpu = server.cpuSeconds()
                served.load += try await LoadGenerator(
                    port: server.port, users: users, seconds: span
                ).run(progress: note)
                served.cpuSeconds += server.cpuSeconds() - cpu
            }
            served.residentMiB = server.residentMiB()
            note("one client alone …")
            served.lone = try await LoadGenerator(
                port: server.port, users: Array(users.prefix(1)), seconds: min(seconds, 3)
            ).run(progress: note)
        } catch {
            server.stop()
            throw error
        }
        server.stop()
        try core.close()
        return (bare, served)
    }

    private func run(
        _ loop: BareLoop, _ accounts: [UUID], seconds: Int, into bare: inout Bare
    ) throws {
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(seconds) {
            try loop.cycle(
                user: accounts[bare.cycles % accounts.count], featureKey: "career.job_match",
                number: bare.cycles)
            bare.cycles += 1
        }
        bare.seconds += (ContinuousClock.now - start) / .seconds(1)
    }
}

extension Sequence where Element: Sendable {
    func asyncMap<Value>(_ transform: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
