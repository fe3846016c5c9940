import Synchronization
import Values

/// How far what happens by itself is behind: Stripe's events and the sweeper. By the decisions'
/// clock, so that advancing the development clock shows here too.
package final class LagMetrics: Sendable {
    private struct State {
        var received = Histogram(Histogram.lags)
        var applied = Histogram(Histogram.lags)
        var sweptAt: Timestamp?
        var oldestOverdue = 0.0
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
    /// - Parameter oldest: when the reservation lapsed that it found first, if it found one.
    package func swept(at now: Timestamp, oldest: Timestamp?) {
        let lag = oldest.map { Double(now.micros - $0.micros) / 1e6 } ?? 0
        state.withLock { state in
            state.sweptAt = now
            state.oldestOverdue = lag
        }
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
        guard let sweptAt = state.sweptAt else { return lines }
        return lines + [
            "# HELP cuebx_sweeper_lag_seconds How overdue the last sweep's oldest find was.",
            "# TYPE cuebx_sweeper_lag_seconds gauge",
            "cuebx_sweeper_lag_seconds \(state.oldestOverdue)",
            "# HELP cuebx_sweeper_last_sweep_timestamp_seconds When a sweep last ended.",
            "# TYPE cuebx_sweeper_last_sweep_timestamp_seconds gauge",
            "cuebx_sweeper_last_sweep_timestamp_seconds \(sweptAt.seconds)",
        ]
    }
}
