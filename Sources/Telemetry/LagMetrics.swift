import Synchronization
import Values

/// How far what happens by itself is behind: Stripe's events and the sweeper. By the decisions'
/// clock, so that advancing the development clock shows here too.
package final class LagMetrics: Sendable {
    private struct State {
        var received = Histogram(Histogram.lags)
        var applied = Histogram(Histogram.lags)
        /// By what is said of the sweep: nothing of that of Career.
        var sweeps: [String: Sweep] = [:]
    }

    private struct Sweep {
        let at: Timestamp
        let oldestOverdue: Double
    }

    private let state = Mutex(State())

    package init() {}

    /// An event is durable here.
    /// - Parameter seconds: since Stripe made it; negative where the clocks differ.
    package func webhookReceived(_ seconds: Int64) {
        state.withLock { $0.received.add(Double(max(0, seconds))) }
    }

    /// The work that an event asked for is done.
    package func webhookApplied(secondsSinceReceived seconds: Double) {
        state.withLock { $0.applied.add(max(0, seconds)) }
    }

    /// A sweep has left nothing overdue.
    /// - Parameters:
    ///   - oldest: when the reservation lapsed that it found first, if it found one.
    ///   - product: whose reservations are swept; `nil` for Career's.
    package func swept(at now: Timestamp, oldest: Timestamp?, of product: String? = nil) {
        let lag = oldest.map { Double(now.micros - $0.micros) / 1e6 } ?? 0
        let labels = product.map { "{product=\"\($0)\"}" } ?? ""
        state.withLock { $0.sweeps[labels] = Sweep(at: now, oldestOverdue: lag) }
    }

    package func lines() -> [String] {
        let state = self.state.withLock { $0 }
        let lag = "cuebx_webhook_lag_seconds"
        var lines = [
            "# HELP \(lag) From Stripe's event to its receipt, and from there to its effect.",
            "# TYPE \(lag) histogram",
        ]
        lines += state.received.series(lag, label: "stage=\"received\"")
        lines += state.applied.series(lag, label: "stage=\"applied\"")
        let sweeps = state.sweeps.sorted { $0.key < $1.key }
        guard !sweeps.isEmpty else { return lines }
        lines += [
            "# HELP cuebx_sweeper_lag_seconds How overdue the last sweep's oldest find was.",
            "# TYPE cuebx_sweeper_lag_seconds gauge",
        ]
        lines += sweeps.map { "cuebx_sweeper_lag_seconds\($0.key) \($0.value.oldestOverdue)" }
        lines += [
            "# HELP cuebx_sweeper_last_sweep_timestamp_seconds When a sweep last ended.",
            "# TYPE cuebx_sweeper_last_sweep_timestamp_seconds gauge",
        ]
        return lines
            + sweeps.map {
                "cuebx_sweeper_last_sweep_timestamp_seconds\($0.key) \($0.value.at.seconds)"
            }
    }
}
