import ArgumentParser
import Foundation
import Shell
import SimulationRuns
import Simulator
import SimulatorDatabase
import Values

/// Simulates the ledger: each seed is a world of people, tool servers, Stripe, a clock and faults,
/// and the code's answers are held against a plain model of the rules.
@main
struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cuebx-sim",
        abstract: "Simulate the ledger under faults and hold it against a model of its rules.")

    enum Engine: String, ExpressibleByArgument, CaseIterable {
        case memory
        case sqlite
        case postgresql
    }

    @Option(help: "The first seed; one drawn at random if not given.")
    var seed: UInt64?

    @Option(help: "How many seeds, one after the other: 1 with a seed, 1000 without.")
    var runs: UInt64?

    @Option(help: "Events of a run, at most.")
    var steps = Simulation.usualLength

    @Option(help: "Where the accounts are kept: memory, sqlite or postgresql.")
    var engine = Engine.memory

    @Option(help: "The PostgreSQL server; CUEBX_TEST_POSTGRESQL if not given.")
    var database: String?

    @Flag(help: "Tell how often each kind of answer was given.")
    var coverage = false

    func run() async throws {
        let runs = self.runs ?? (seed == nil ? 1000 : 1)
        let first = seed ?? UInt64.random(in: 1...UInt64(UInt32.max))
        print("\(runs) runs of \(steps) steps from seed \(first) on \(engine.rawValue)")
        let start = ContinuousClock.now
        let report = try await ProgressBar.show("simulation") { progress in
            try await simulate(first..<first + runs, progress)
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        if coverage {
            for (kind, count) in report.coverage.sorted(by: { $0.key < $1.key }) {
                print("\(count)\t\(kind)")
            }
        }
        if let failure = report.failure {
            print(failure)
            throw ExitCode.failure
        }
        print(
            """
            \(report.runs) runs, \(report.steps) steps, nothing wrong; \
            \(Int(Double(report.steps) / max(seconds, 0.001))) steps/s
            """)
    }

    private func simulate(
        _ seeds: Range<UInt64>, _ progress: WorkProgress.Listener?
    ) async throws -> SimulationRunner.Report {
        let length = steps
        func run(
            _ makeEngine: @escaping DatabaseEngine.MakeEngine
        ) throws -> SimulationRunner.Report {
            try SimulationRunner(
                length: length, makeEngine: makeEngine, progress: progress, print: { print($0) }
            ).run(seeds)
        }
        switch engine {
        case .memory: return try run { MemoryEngine() }
        case .sqlite: return try await DatabaseEngine.withSQLite(run)
        case .postgresql:
            let environment = ProcessInfo.processInfo.environment
            guard let url = database ?? environment["CUEBX_TEST_POSTGRESQL"] else {
                throw ValidationError(
                    "--engine postgresql needs --database or CUEBX_TEST_POSTGRESQL")
            }
            return try await DatabaseEngine.withPostgreSQL(url: url, run)
        }
    }
}
