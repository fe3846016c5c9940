import Database
import FoundationEssentials
import HTTPEndpoint
import LedgerStore
import UsageReports
import Values

package struct SummarizeUsage: Action {
    let quota: CareerQuotaService
    let database: any Database
    let clock: DecisionClock

    package enum Grouping: String, CaseIterable, Sendable {
        case day
        case feature
    }

    package struct Query: Sendable {
        let span: UsageSpan
        let by: Grouping

        package init(_ span: UsageSpan, by: Grouping) {
            self.span = span
            self.by = by
        }
    }

    package static let about = About(
        "My usage, summed up by day or by feature",
        details: UsageSpan.about,
        access: .user, isLarge: true)

    package func read(_ input: inout InputReader) -> Query {
        let by = input.query("by", .oneOf(Grouping.self), "`day` if not given.") ?? .day
        return Query(UsageSpan(&input, now: clock.now()), by: by)
    }

    package func perform(_ query: Query, _ call: Call) async throws -> Reply<UsageSummaryResponse> {
        let userID = try call.user().userID
        let sums = try await database.read {
            try UsageSum.select(
                of: userID, from: query.span.from, to: query.span.to,
                by: query.by == .day ? .day : .feature, in: $0)
        }
        return Reply(UsageSummaryResponse(sums))
    }
}
