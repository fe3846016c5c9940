import HTTPEndpoint
import LedgerStore
import Logging
import Synchronization
import Telemetry

/// Counts requests for `/metrics` and writes one line for each to the log.
public final class RequestLog: RequestObserver {
    private struct Key: Hashable {
        let method: String
        let route: String
        let status: Int
    }

    private struct Total {
        var count = 0
        var seconds = 0.0

        mutating func add(_ seconds: Double) {
            count += 1
            self.seconds += seconds
        }
    }

    private let totals = Mutex<[Key: Total]>([:])
    private let logger: Logger

    public init(logger: Logger) {
        self.logger = logger
    }

    public func observe(_ observation: Observation) {
        let seconds = observation.elapsed / .seconds(1)
        let key = Key(
            method: observation.method, route: observation.route, status: observation.status)
        totals.withLock { totals in
            totals[key, default: Total()].add(seconds)
        }
        let level: Logger.Level = observation.status >= 500 ? .error : .debug
        guard logger.logLevel <= level else { return }
        logger.log(
            level: level, "request",
            metadata: [
                "request_id": "\(observation.requestID)", "method": "\(observation.method)",
                "route": "\(observation.route)", "status": "\(observation.status)",
                "milliseconds": "\(Int(seconds * 1000))",
            ])
    }

    func lines() -> [String] {
        let totals = self.totals.withLock { $0 }
        var lines = [
            "# HELP cuebx_http_requests_total Requests that were answered.",
            "# TYPE cuebx_http_requests_total counter",
        ]
        let sorted = totals.sorted {
            ($0.key.route, $0.key.method, $0.key.status)
                < ($1.key.route, $1.key.method, $1.key.status)
        }
        for (key, total) in sorted {
            lines.append("cuebx_http_requests_total{\(labels(key))} \(total.count)")
        }
        lines += [
            "# HELP cuebx_http_request_seconds_total Time spent on them, in seconds.",
            "# TYPE cuebx_http_request_seconds_total counter",
        ]
        for (key, total) in sorted {
            lines.append("cuebx_http_request_seconds_total{\(labels(key))} \(total.seconds)")
        }
        return lines
    }

    private func labels(_ key: Key) -> String {
        "method=\"\(key.method)\",route=\"\(key.route)\",status=\"\(key.status)\""
    }
}

/// The page of `/metrics`, in Prometheus' text format.
struct MetricsPage: Sendable {
    let requests: RequestLog
    let ledger: CareerLedger
    let apiLedger: CareerLedger
    let lane: LaneMetrics
    let lags: LagMetrics
    let queues: QueueMetrics

    func text() async -> String {
        let backlog = [
            "# HELP cuebx_ledger_operations_in_progress "
                + "Operations that wait or are in a batch in work.",
            "# TYPE cuebx_ledger_operations_in_progress gauge",
            "cuebx_ledger_operations_in_progress \(ledger.inProgress)",
            "cuebx_ledger_operations_in_progress{product=\"api\"} \(apiLedger.inProgress)",
        ]
        let lines =
            requests.lines() + lane.lines() + backlog + lags.lines() + (await queues.lines())
        return lines.joined(separator: "\n") + "\n"
    }
}
