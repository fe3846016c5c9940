import Ledger
import Synchronization
import Telemetry

/// What the ledger's lane has done, for `/metrics`. Written once a batch, by the lane's thread.
public final class LaneMetrics: Sendable {
    private struct Totals {
        var decisions: [DecisionName: Int] = [:]
        var operations = Histogram([1, 2, 4, 8, 16, 32, 64, 128, 256])
        var seconds = Histogram(Histogram.latencies)
    }

    private let totals = Mutex(Totals())

    public init() {}

    func record(_ batch: some Sequence<DecisionName>, elapsed: Duration) {
        totals.withLock { totals in
            var operations = 0
            for decision in batch {
                totals.decisions[decision, default: 0] += 1
                operations += 1
            }
            totals.operations.add(Double(operations))
            totals.seconds.add(elapsed / .seconds(1))
        }
    }

    package func lines() -> [String] {
        let totals = self.totals.withLock { $0 }
        let decisions = totals.decisions.sorted {
            ($0.key.operation, $0.key.code) < ($1.key.operation, $1.key.code)
        }
        return [
            "# HELP cuebx_ledger_decisions_total Decisions of the ledger, by what was decided.",
            "# TYPE cuebx_ledger_decisions_total counter",
        ]
            + decisions.map { name, count in
                "cuebx_ledger_decisions_total"
                    + "{operation=\"\(name.operation)\",code=\"\(name.code)\"} \(count)"
            }
            + totals.operations.lines(
                "cuebx_ledger_batch_operations", "Operations in one database transaction.")
            + totals.seconds.lines(
                "cuebx_ledger_batch_seconds",
                "Time of one database transaction of the ledger, in seconds.")
    }
}
