import Ledger
import Synchronization
import Telemetry

/// What the lanes of all ledgers have done, for `/metrics`. Written once a batch, by a lane's
/// thread.
public final class LaneMetrics: Sendable {
    private struct Totals {
        var decisions: [Product: [DecisionName: Int]] = [:]
        var operations = Histogram([1, 2, 4, 8, 16, 32, 64, 128, 256])
        var seconds = Histogram(Histogram.latencies)
    }

    private let totals = Mutex(Totals())

    public init() {}

    func record(
        _ batch: some Sequence<DecisionName>, of product: Product, elapsed: Duration
    ) {
        totals.withLock { totals in
            var operations = 0
            for decision in batch {
                totals.decisions[product, default: [:]][decision, default: 0] += 1
                operations += 1
            }
            totals.operations.add(Double(operations))
            totals.seconds.add(elapsed / .seconds(1))
        }
    }

    package func lines() -> [String] {
        let totals = self.totals.withLock { $0 }
        return [
            "# HELP cuebx_ledger_decisions_total Decisions of the ledger, by what was decided.",
            "# TYPE cuebx_ledger_decisions_total counter",
        ]
            + Product.allCases.flatMap { lines(totals.decisions[$0] ?? [:], of: $0) }
            + totals.operations.lines(
                "cuebx_ledger_batch_operations", "Operations in one database transaction.")
            + totals.seconds.lines(
                "cuebx_ledger_batch_seconds",
                "Time of one database transaction of the ledger, in seconds.")
    }

    private func lines(_ decisions: [DecisionName: Int], of product: Product) -> [String] {
        decisions.sorted {
            ($0.key.operation, $0.key.code) < ($1.key.operation, $1.key.code)
        }.map { name, count in
            "cuebx_ledger_decisions_total{operation=\"\(name.operation)\",code=\"\(name.code)\","
                + "product=\"\(product.rawValue)\"} \(count)"
        }
    }
}
