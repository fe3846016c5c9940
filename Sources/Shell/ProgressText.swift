import Values

/// How far work has come, as one line: a bar, the share, the count, the rate and the time left.
package struct ProgressText {
    /// Cells of the bar.
    package static let barWidth = 20

    private let title: String

    package init(title: String) { self.title = title }

    /// - Parameters:
    ///   - progress: `nil` before the work has told anything.
    ///   - elapsed: seconds since the work began.
    ///   - width: columns that the line may take.
    package func line(_ progress: WorkProgress?, elapsed: Double, width: Int) -> String {
        var parts = [title]
        if let progress {
            let done = progress.total.map { min(max(progress.done, 0), $0) } ?? progress.done
            if let total = progress.total, total > 0 {
                let share = Double(done) / Double(total)
                let filled = Int(share * Double(Self.barWidth))
                parts.append(
                    "[" + String(repeating: "#", count: filled)
                        + String(repeating: "-", count: Self.barWidth - filled) + "]")
                parts.append("\(Int(share * 100)) %")
            }
            parts.append(Self.count(done, of: progress.total, progress.unit))
            let rate = elapsed > 0 ? Double(done) / elapsed : 0
            if rate > 0, progress.unit != .seconds {
                parts.append(Self.amount(rate, progress.unit) + "/s")
            }
            if let total = progress.total, rate > 0 {
                parts.append(Self.span(Double(total - done) / rate) + " left")
            }
        }
        parts.append(Self.span(elapsed))
        return String(parts.joined(separator: "  ").prefix(max(width - 1, 0)))
    }

    private static func count(
        _ done: Int64, of total: Int64?, _ unit: WorkProgress.Unit
    ) -> String {
        let whole = total.map { " of " + amount(Double($0), unit) } ?? ""
        let name = unit == .bytes ? "" : " " + unit.rawValue
        return amount(Double(done), unit) + whole + name
    }

    /// E.g. `1 234`, `3.1`, `12.5 MB`.
    package static func amount(_ number: Double, _ unit: WorkProgress.Unit) -> String {
        if unit == .bytes { return rounded(number / 1_000_000) + " MB" }
        return number < 10 && number != number.rounded() ? rounded(number) : grouped(number)
    }

    private static func rounded(_ number: Double) -> String {
        let tenths = Int64((number * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    private static func grouped(_ number: Double) -> String {
        var groups: [String] = []
        var rest = String(Int64(number.rounded()))
        while rest.count > 3 {
            groups.insert(String(rest.suffix(3)), at: 0)
            rest.removeLast(3)
        }
        return ([rest] + groups).joined(separator: " ")
    }

    /// E.g. `42 s`, `3 min 5 s`, `2 h 10 min`.
    package static func span(_ seconds: Double) -> String {
        let whole = Int64(min(seconds, 1e12).rounded())
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
        return "\(whole / 3600) h \(whole % 3600 / 60) min"
    }
}
