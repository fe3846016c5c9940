import Database
import FoundationEssentials
import HTTPEndpoint
import LedgerStore
import Values

package struct SummarizeUsage: Action {
    let quota: CareerQuotaService
    let database: any Database
    let clock: DecisionClock

    /// The longest span that one summary covers, ten years, and what it covers if none is given:
    /// days.
    static let maximumDays: Int64 = 3660
    static let defaultDays: Int64 = 30

    package enum Grouping: String, CaseIterable, Sendable {
        case day
        case feature
    }

    package struct Query: Sendable {
        let from: Timestamp
        /// Not covered any more.
        let to: Timestamp
        let by: Grouping

        package init(from: Timestamp, to: Timestamp, by: Grouping) {
            self.from = from
            self.to = to
            self.by = by
        }
    }

    package static let about = About(
        "My usage, summed up by day or by feature",
        details: """
            Covers `from` up to, not including, `to`, at most ten years (3660 days). A `to` that \
            is a date without a time covers the whole day.
            """,
        access: .user, isLarge: true)

    package func read(_ input: inout InputReader) -> Query {
        let from = input.query("from", .time, "30 days before `to` if not given.")
        let to = input.query("to", .end, "Now if not given; a date alone covers its whole day.")
        let by = input.query("by", .oneOf(Grouping.self), "`day` if not given.") ?? .day
        let end = to ?? clock.now().adding(seconds: 1)
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
        return Query(from: start, to: end, by: by)
    }

    package func perform(_ query: Query, _ call: Call) async throws -> Reply<UsageSummaryResponse> {
        let userID = try call.user().userID
        let items = try await database.read {
            try UsageSum.select(
                of: userID, from: query.from, to: query.to,
                by: query.by == .day ? .day : .feature, in: $0)
        }
        return Reply(UsageSummaryResponse(items: items.map(UsageSummaryItem.init)))
    }
}

package struct UsageSummaryResponse: JSONObjectOutput {
    package let items: [UsageSummaryItem]

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
