import FoundationEssentials
import HTTPEndpoint
import LedgerStore
import Values

/// The span of time that a summary covers.
package struct UsageSpan: Sendable {
    /// The longest span that one summary covers, ten years, and what it covers if none is given:
    /// days.
    static let maximumDays: Int64 = 3660
    static let defaultDays: Int64 = 30

    package static let about = """
        Covers `from` up to, not including, `to`, at most ten years (3660 days). A `to` that \
        is a date without a time covers the whole day.
        """

    package let from: Timestamp
    /// Not covered any more.
    package let to: Timestamp

    package init(from: Timestamp, to: Timestamp) {
        self.from = from
        self.to = to
    }

    /// - Parameter now: the end if none is asked for.
    package init(_ input: inout InputReader, now: Timestamp) {
        let from = input.query("from", .time, "30 days before `to` if not given.")
        let to = input.query("to", .end, "Now if not given; a date alone covers its whole day.")
        let end = to ?? now.adding(seconds: 1)
        let start = from ?? end.adding(seconds: -Self.defaultDays * 86_400)
        // Of two times neither of which is bad; what is bad has been told already.
        if (from != nil || !input.has(query: "from")) && (to != nil || !input.has(query: "to")) {
            if start > end {
                input.reject(query: "from", "must not be after to", type: "range")
            } else if end.seconds - start.seconds > Self.maximumDays * 86_400 {
                input.reject(
                    query: "from", "must be at most \(Self.maximumDays) days before to",
                    type: "range")
            }
        }
        self.init(from: start, to: end)
    }
}

package struct UsageSummaryResponse: JSONObjectOutput {
    package let items: [UsageSummaryItem]

    package init(_ sums: [UsageSum]) {
        items = sums.map(UsageSummaryItem.init)
    }

    package static let about = "Usage summed up."
    package static let fields: [OutputField<UsageSummaryResponse>] = [
        OutputField("items", .array(.object), "In the order of their keys.") { $0.items }
    ]
}

package struct UsageSummaryItem: JSONObjectOutput {
    package let sum: UsageSum

    package static let about = "One day or one feature."
    package static let fields: [OutputField<UsageSummaryItem>] = [
        OutputField("key", .text, "A UTC date or a feature.") { $0.sum.key },
        OutputField("requests", .integer, "Calls that were granted.") { $0.sum.requests },
        OutputField("succeeded", .integer, "Of these, SUCCESS.") { $0.sum.succeeded },
        OutputField("failed", .integer, "Of these, FAILED.") { $0.sum.failed },
        OutputField("credits_charged", .credits, "What they cost.") { $0.sum.creditsCharged },
    ]
}
