import HTTPEndpoint
import JSON
import Ledger
import LedgerStore
import PageFrame
import Values

/// Charts as inline SVG, each with its numbers as a table.
package struct UsageCharts: Sendable {
    let words: Words

    package init(words: Words) {
        self.words = words
    }

    private static let width: Int64 = 720
    private static let height: Int64 = 160
    private static let secondsPerDay: Int64 = 86_400

    /// A bar for each feature, the dearest first.
    ///
    /// - Parameter spoken: what people read of a sum's key.
    package func bars(
        _ sums: [UsageSum], spoken: (String) -> String = FeatureName.spoken
    ) -> JSONValue {
        let sums = sums.sorted { ($1.creditsCharged, $0.key) < ($0.creditsCharged, $1.key) }
        let most = max(1, sums.first?.creditsCharged.micros ?? 1)
        return [
            "bars": .array(
                sums.map { sum in
                    [
                        "key": .string(spoken(sum.key)),
                        "credits": .string(sum.creditsCharged.spoken),
                        "calls_html": .string(
                            words.html(
                                sum.requests == 1 ? "chart.count.one" : "chart.count",
                                ["count": String(sum.requests)])),
                        "width": .int(Self.share(sum.creditsCharged.micros, of: most, 1000)),
                    ]
                })
        ]
    }

    /// A column for each day up to today, days without a call among them.
    package func columns(_ sums: [UsageSum], days: Int64, now: Timestamp) -> JSONValue {
        let points = points(sums, days: days, now: now)
        let most = points.map(\.credits).max() ?? .zero
        let pitch = Self.width / days
        let bars = points.enumerated().compactMap { place, point -> JSONValue? in
            guard point.credits > .zero else { return nil }
            let share = Self.share(point.credits.micros, of: most.micros, Self.height)
            let height = max(2, share)
            return [
                "x": .int(Int64(place) * pitch + 2), "w": .int(pitch - 4),
                "y": .int(Self.height - height), "h": .int(height),
            ]
        }
        var chart = frame(points, most, now)
        chart["bars"] = .array(bars)
        return .object(chart)
    }

    /// The same as a line.
    func lines(_ sums: [UsageSum], days: Int64, now: Timestamp) -> JSONValue {
        let points = points(sums, days: days, now: now)
        let most = points.map(\.credits).max() ?? .zero
        let pitch = Self.width / days
        let corners = points.enumerated().map { place, point in
            let height = Self.share(point.credits.micros, of: max(1, most.micros), Self.height)
            return "\(Int64(place) * pitch + pitch / 2),\(Self.height - height)"
        }
        var chart = frame(points, most, now)
        chart["points"] = .string(corners.joined(separator: " "))
        return .object(chart)
    }

    private struct Point {
        let instant: Timestamp
        let requests: Int64
        let credits: Credits
    }

    private func points(_ sums: [UsageSum], days: Int64, now: Timestamp) -> [Point] {
        let known = Dictionary(sums.map { ($0.key, $0) }, uniquingKeysWith: { $1 })
        return (0..<days).map { place in
            let instant = now.adding(seconds: (place - days + 1) * Self.secondsPerDay)
            let sum = known[String(instant.rfc3339.prefix(10))]
            return Point(
                instant: instant, requests: sum?.requests ?? 0,
                credits: sum?.creditsCharged ?? .zero)
        }
    }

    private func frame(_ points: [Point], _ most: Credits, _ now: Timestamp) -> JSONObject {
        let spoken = Spoken(words: words)
        func day(_ point: Point?) -> JSONValue {
            .text(point.map { spoken.day($0.instant, now: now) })
        }
        return [
            "width": .int(Self.width), "height": .int(Self.height),
            "label": .string(words.html("account.columns", ["top": most.spoken])),
            "top": .string(most.spoken), "first_html": day(points.first),
            "last_html": day(points.last), "name_html": .string(words.html("chart.day")),
            "rows": .array(
                points.filter { $0.requests > 0 }.map { point in
                    [
                        "key": .string(String(point.instant.rfc3339.prefix(10))),
                        "requests": .int(point.requests),
                        "credits": .string(point.credits.spoken),
                    ]
                }),
        ]
    }

    static func share(_ part: Int64, of whole: Int64, _ length: Int64) -> Int64 {
        guard whole > 0 else { return 0 }
        let product = min(max(part, 0), whole).multipliedFullWidth(by: length)
        return whole.dividingFullWidth(product).quotient
    }

    /// What was used, what is held and what is left of the period's credits.
    package func meter(_ context: CareerSubscriptionContext) -> JSONValue {
        let whole = max(1, context.allocated.micros)
        let used = Self.share(context.used.micros, of: whole, 1000)
        let held = min(1000 - used, Self.share(context.reserved.micros, of: whole, 1000))
        let values = [
            "used": context.used.spoken, "held": context.reserved.spoken,
            "left": context.remaining.spoken,
        ]
        return .object(
            JSONObject(values.map { ($0.key, .string($0.value)) }).with([
                "used_width": .int(used), "held_width": .int(held),
                "label": .string(words.html("account.meter", values)),
            ]))
    }
}
