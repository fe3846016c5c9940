import Simulator

/// Searches for the shortest run that still fails in the same way: cuts off what comes after the
/// failure, then takes out events, in ever smaller pieces, as long as any can be missed.
package struct Shrinker {
    /// Runs that one search may take.
    static let maximumRuns = 5000

    let simulation: Simulation
    let kind: String
    let makeEngine: () throws -> any LedgerEngine

    package init(
        _ simulation: Simulation, _ failure: Simulation.Failure,
        makeEngine: @escaping () throws -> any LedgerEngine
    ) {
        self.simulation = simulation
        self.kind = failure.disagreement.kind
        self.makeEngine = makeEngine
    }

    package func shrink(
        _ steps: [SimulationStep], _ failure: Simulation.Failure
    ) throws -> (steps: [SimulationStep], failure: Simulation.Failure) {
        var shortest = Array(steps.prefix(failure.place + 1))
        var last = failure
        var runs = 0
        var coverage: Simulation.Coverage = [:]
        var piece = max(1, shortest.count / 2)
        while runs < Self.maximumRuns {
            var place = 0
            var hasShrunk = false
            while place < shortest.count, runs < Self.maximumRuns {
                let without =
                    Array(shortest[..<place]) + shortest[min(place + piece, shortest.count)...]
                runs += 1
                if let found = simulation.run(without, on: try makeEngine(), coverage: &coverage),
                    found.disagreement.kind == kind
                {
                    shortest = Array(without.prefix(found.place + 1))
                    last = found
                    hasShrunk = true
                } else {
                    place += piece
                }
            }
            if piece == 1 && !hasShrunk { break }
            piece = hasShrunk ? piece : max(1, piece / 2)
        }
        return (shortest, last)
    }
}
