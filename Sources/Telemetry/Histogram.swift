/// A histogram as Prometheus knows it: how many values were at most each bound, and their sum.
package struct Histogram: Sendable {
    /// Bounds for times on a disk or a network, in seconds.
    package static let latencies = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
    ]
    /// Bounds for work that may have to wait, in seconds.
    static let lags: [Double] = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400]

    private let bounds: [Double]
    /// One for each bound, not yet added up, and one for what is beyond the last.
    private var counts: [Int]
    private var sum = 0.0

    /// - Parameter bounds: ascending.
    package init(_ bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    package mutating func add(_ value: Double) {
        let place = bounds.firstIndex { value <= $0 } ?? bounds.count
        counts[place] += 1
        sum += value
    }

    package func lines(_ name: String, _ help: String) -> [String] {
        ["# HELP \(name) \(help)", "# TYPE \(name) histogram"] + series(name)
    }

    /// - Parameter label: e.g. `stage="received"`.
    func series(_ name: String, label: String? = nil) -> [String] {
        var total = 0
        let inner = label.map { $0 + "," } ?? ""
        let outer = label.map { "{\($0)}" } ?? ""
        var lines = zip(bounds.map { "\($0)" } + ["+Inf"], counts).map { bound, count in
            total += count
            return "\(name)_bucket{\(inner)le=\"\(bound)\"} \(total)"
        }
        lines.append("\(name)_sum\(outer) \(sum)")
        lines.append("\(name)_count\(outer) \(total)")
        return lines
    }
}
