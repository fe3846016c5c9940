import Database
import Foundation
import HTTPEndpoint
import Ledger
import LedgerStore
import UsageReports
import Values

package struct ListUsageLogs: Action {
    let quota: CareerQuotaService
    let database: any Database

    package static let about = About(
        "My usage logs, newest first", access: .user,
        links: [Link(to: "ListUsageLogs", "cursor", from: "/next_cursor", "The next page.")],
        isLarge: true)

    package struct Page: Sendable {
        let before: UUID?
        let limit: Int64
        let status: UsageLog.Status?
        let featureKey: String?

        /// - Parameters:
        ///   - before: only logs older than this one.
        ///   - limit: at most so many.
        package init(
            before: UUID?, limit: Int64, status: UsageLog.Status?, featureKey: String?
        ) {
            self.before = before
            self.limit = limit
            self.status = status
            self.featureKey = featureKey
        }
    }

    package func read(_ input: inout InputReader) -> Page {
        Page(
            before: input.query("cursor", .cursor, "`next_cursor` of the page before."),
            limit: input.query("limit", .integer(1...100), "Logs a page; 20 if not given.") ?? 20,
            status: input.query("status", .oneOf(UsageLog.Status.self), "Only of this status."),
            featureKey: input.query("feature_key", .text(1...255), "Only of this feature."))
    }

    package func perform(_ page: Page, _ call: Call) async throws -> Reply<UsageLogListResponse> {
        let userID = try call.user().userID
        let now = try await quota.instant(of: userID)
        // One more than asked for, which tells whether another page follows.
        let logs = try await database.read {
            try UsageLogRow.page(
                of: userID, before: page.before, status: page.status.map { ($0, now) },
                featureKey: page.featureKey, limit: page.limit + 1, in: $0)
        }
        let items = logs.prefix(Int(page.limit))
        return Reply(
            UsageLogListResponse(
                items: items.map { UsageLogResponse(log: $0, status: $0.status(at: now)) },
                nextCursor: logs.count > items.count ? items.last.map { Cursor.text($0.id) } : nil))
    }
}

package struct UsageLogListResponse: JSONObjectOutput {
    package let items: [UsageLogResponse]
    package let nextCursor: String?

    package static let about = "One page of usage logs."
    package static let fields: [OutputField<UsageLogListResponse>] = [
        OutputField("items", .array(.object), "Newest first.") { $0.items },
        OutputField("next_cursor", .nullable(.text), "null on the last page.") { $0.nextCursor },
    ]
}
