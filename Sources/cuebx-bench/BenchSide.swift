import ArgumentParser
import Foundation

/// How long the sides of a comparison take turns.
struct BenchTurns: ParsableArguments {
    @Option(help: "Seconds of each measurement, over all rounds.")
    var seconds = 12

    @Option(help: "Rounds in which the sides take turns.")
    var rounds = 3

    /// Seconds of one measurement in one round.
    var span: Int { max(1, seconds / rounds) }

    func validate() throws {
        guard (1...600).contains(seconds) else { throw ValidationError("1 to 600 seconds") }
        guard (1...seconds).contains(rounds) else { throw ValidationError("1 to SECONDS rounds") }
    }
}

/// One side of a comparison: servers that share a database, and the load that they were given.
struct BenchSide {
    let name: String
    let servers: [BenchServer]
    let users: [BenchServer.User]
    private(set) var load = LoadFigures()
    private var cpuSeconds = 0.0

    init(_ name: String, servers: [BenchServer], users: [BenchServer.User]) {
        self.name = name
        self.servers = servers
        self.users = users
    }

    /// What the servers computed with, on average.
    var cores: Double { cpuSeconds / load.seconds }

    fileprivate mutating func run(seconds: Int, note: @Sendable (String) -> Void) async throws {
        let before = servers.reduce(0) { $0 + $1.cpuSeconds() }
        load += try await LoadGenerator(
            ports: servers.map(\.port), users: users, seconds: seconds
        ).run(progress: note)
        cpuSeconds += servers.reduce(0) { $0 + $1.cpuSeconds() } - before
    }
}

extension [BenchSide] {
    /// A machine that is slower for a while is then slower for all.
    mutating func takeTurns(
        _ turns: BenchTurns, note: @escaping @Sendable (String) -> Void
    ) async throws {
        for round in 1...turns.rounds {
            for index in indices {
                note("round \(round): \(self[index].name) …")
                try await self[index].run(seconds: turns.span, note: note)
            }
        }
    }
}
