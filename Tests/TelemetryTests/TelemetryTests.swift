import Telemetry
import Testing
import Values

@Suite("Histograms and lags, as Prometheus reads them")
struct TelemetryTests {
    @Test("A value on a bound counts below it, one beyond the last bound counts in +Inf alone")
    func bounds() {
        var histogram = Histogram([1, 2])
        for value in [1, 1.5, 2, 2.5] { histogram.add(value) }
        #expect(
            histogram.lines("n", "help") == [
                "# HELP n help", "# TYPE n histogram", "n_bucket{le=\"1.0\"} 1",
                "n_bucket{le=\"2.0\"} 3", "n_bucket{le=\"+Inf\"} 4", "n_sum 7.0", "n_count 4",
            ])
    }

    @Test("A histogram without a value shows every bucket all the same")
    func empty() {
        let lines = Histogram([0.5]).lines("n", "help")
        #expect(lines.suffix(4).allSatisfy { $0.hasSuffix(" 0") || $0.hasSuffix(" 0.0") })
        #expect(lines.count == 6)
    }

    @Test(
        "An event that is older by its sender's clock than by ours has no lag, not a negative one")
    func clocksThatDiffer() {
        let lags = LagMetrics()
        lags.webhookReceived(-30)
        lags.webhookApplied(secondsSinceReceived: -0.5)
        let lines = lags.lines()
        for stage in ["received", "applied"] {
            #expect(lines.contains("cuebx_webhook_lag_seconds_sum{stage=\"\(stage)\"} 0.0"))
            #expect(
                lines.contains(
                    "cuebx_webhook_lag_seconds_bucket{stage=\"\(stage)\",le=\"0.1\"} 1"))
        }
    }

    @Test(
        "Before the first sweep nothing is told of sweeps, so that no lag of 0 hides a stopped one")
    func noSweep() {
        #expect(!LagMetrics().lines().contains { $0.contains("sweep") })
    }

    @Test("The last sweep's lag counts, whatever an earlier one found")
    func sweeps() {
        let lags = LagMetrics()
        let now = Timestamp(clamping: 1_800_000_000_000_000)
        lags.swept(at: now, oldest: now.adding(seconds: -90))
        #expect(lags.lines().contains("cuebx_sweeper_lag_seconds 90.0"))
        lags.swept(at: now.adding(seconds: 60), oldest: nil)
        #expect(lags.lines().contains("cuebx_sweeper_lag_seconds 0.0"))
        #expect(
            lags.lines().contains("cuebx_sweeper_last_sweep_timestamp_seconds 1800000060"))
        // Another product's are told beside them, under one heading.
        lags.swept(at: now, oldest: now.adding(seconds: -7), of: "api")
        let lines = lags.lines()
        #expect(lines.contains("cuebx_sweeper_lag_seconds 0.0"))
        #expect(lines.contains("cuebx_sweeper_lag_seconds{product=\"api\"} 7.0"))
        #expect(lines.filter { $0.hasPrefix("# TYPE cuebx_sweeper_lag_seconds") }.count == 1)
    }
}
