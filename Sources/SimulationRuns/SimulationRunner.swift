import Simulator
import Values

/// Runs seeds one after the other and tells of the first that fails, with the shortest run that
/// fails in the same way.
package struct SimulationRunner {
    /// Runs between two lines of progress.
    static let progressInterval: UInt64 = 1000

    let length: Int
    let makeEngine: () throws -> any LedgerEngine
    let print: (String) -> Void
    /// Is told each run that ended; then no line is printed for every thousandth.
    let progress: WorkProgress.Listener?

    package init(
        length: Int = Simulation.usualLength, makeEngine: @escaping () throws -> any LedgerEngine,
        progress: WorkProgress.Listener? = nil, print: @escaping (String) -> Void
    ) {
        self.length = length
        self.makeEngine = makeEngine
        self.progress = progress
        self.print = print
    }

    package struct Report: Sendable {
        package var runs = 0
        package var steps = 0
        package var coverage: Simulation.Coverage = [:]
        /// What a person is to be told of the run that failed.
        package var failure: String?
    }

    package func run(_ seeds: some Collection<UInt64>) throws -> Report {
        var report = Report()
        for seed in seeds {
            let simulation = Simulation(seed: seed, length: length)
            let steps = try simulation.steps()
            report.runs += 1
            report.steps += steps.count
            let failure = simulation.run(
                steps, on: try makeEngine(), coverage: &report.coverage)
            if let failure {
                report.failure = try explain(simulation, steps, failure)
                return report
            }
            progress?(WorkProgress(Int64(report.runs), of: Int64(seeds.count), .runs))
            if progress == nil, UInt64(report.runs).isMultiple(of: Self.progressInterval) {
                self.print("\(report.runs) runs, \(report.steps) steps")
            }
        }
        return report
    }

    private func explain(
        _ simulation: Simulation, _ steps: [SimulationStep], _ failure: Simulation.Failure
    ) throws -> String {
        self.print("seed \(simulation.seed) fails; looking for the shortest run that does")
        let shortest = try Shrinker(simulation, failure, makeEngine: makeEngine)
            .shrink(steps, failure)
        let events = shortest.steps.map { "  \($0.serial)  \($0.event)" }
            .joined(separator: "\n")
            .replacing("Simulator.", with: "")
        return """
            seed \(simulation.seed), step \(failure.place) of \(steps.count): \
            \(failure.disagreement.kind)
            \(failure.disagreement.detail)

            the shortest run that fails so has \(shortest.steps.count) events:
            \(events)
            and ends with
            \(shortest.failure.disagreement.detail)

            replay it: make sim SEED=\(simulation.seed)\(try settings())
            """
    }

    /// What differs from the usual run.
    private func settings() throws -> String {
        let engine = try makeEngine().name
        return (engine == "memory" ? "" : " ENGINE=\(engine)")
            + (length == Simulation.usualLength ? "" : " STEPS=\(length)")
    }
}
