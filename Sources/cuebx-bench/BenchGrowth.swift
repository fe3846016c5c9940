import ArgumentParser
import Foundation
import JSON
import Service

/// The load of ``Bench`` on two databases in turns: what the size of one costs.
struct BenchGrowth: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "growth",
        abstract: "Measure metering on a large database beside a small one.",
        discussion: """
            Both are changed: their catalog gets a Free plan without limits, and users of the \
            bench's own sign up and meter. Give it copies.
            """)

    @OptionGroup var options: BenchOptions

    @OptionGroup var turns: BenchTurns

    @Argument(help: "DATABASE_URL of the small one; it is made where it is not there.")
    var small: String

    @Argument(help: "DATABASE_URL of the large one.")
    var large: String

    func run() async throws {
        try await options.inNewFolder { path in
            try await measure(catalog: try BenchServer.writeCatalog(to: path))
        }
    }

    private func measure(catalog: String) async throws {
        var sides: [BenchSide] = []
        var servers: [BenchServer] = []
        defer { for server in servers { server.stop() } }
        for (name, url) in [("the small database", small), ("the large database", large)] {
            try BenchServer.syncCatalog(catalog, database: url)
            let server = try await BenchServer.start(
                database: url, catalog: catalog,
                environment: ["STRIPE_API_BASE": BenchServer.noStripe])
            servers.append(server)
            note("signing up \(options.clients) users on \(name) …")
            let users = try await server.signUp(options.clients)
            sides.append(BenchSide(name, servers: [server], users: users))
        }
        try await sides.takeTurns(turns, note: note)
        let (small, large) = (sides[0], sides[1])
        let errors = small.load.errors + large.load.errors
        try options.report([
            "clients": .int(Int64(options.clients)),
            "small_cycles_per_second": number(small.load.cyclesPerSecond),
            "large_cycles_per_second": number(large.load.cyclesPerSecond),
            "ratio": number(large.load.cyclesPerSecond / small.load.cyclesPerSecond),
            "small_validate_ms": percentiles(small.load.validate),
            "large_validate_ms": percentiles(large.load.validate),
            "small_resident_mib": number(small.servers[0].residentMiB()),
            "large_resident_mib": number(large.servers[0].residentMiB()),
            "errors": .int(Int64(errors)),
        ])
        guard errors == 0 else { throw FriendlyError("some requests were not granted") }
    }
}
