import Database
import Foundation
import HTTPEndpoint
import Ledger
import LedgerStore
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

package struct UsageLogResponse: JSONObjectOutput {
    package let log: UsageLog
    package let status: UsageLog.Status

    /// - Parameter status: how the log stands now; as it is stored if not given.
    package init(log: UsageLog, status: UsageLog.Status? = nil) {
        self.log = log
        self.status = status ?? log.status
    }

    package static let schemaName = "CareerUsageLog"
    package static let about = "One metered call."
    package static let fields: [OutputField<UsageLogResponse>] = [
        OutputField("id", .uuid, "The `usage_id`.") { $0.log.id },
        OutputField("request_id", .text, "The tool server's name of it.") {
            $0.log.key.requestID
        },
        OutputField("feature_key", .text, "The feature.") { $0.log.featureKey },
        OutputField("status", .oneOf, "How it stands.") { $0.status },
        OutputField(
            "credits_reserved", .credits, "What it holds now; after its end all that it ever held."
        ) {
            $0.status == .pending ? $0.log.creditsHeld : $0.log.creditsReserved
        },
        OutputField(
            "credits_charged", .nullable(.credits),
            "All that was charged; null before the first capture and SUCCESS."
        ) {
            $0.log.creditsCharged
        },
        OutputField(
            "credits_not_charged", .credits, "What it took beyond what was held and to be had."
        ) {
            $0.log.creditsNotCharged
        },
        OutputField(
            "credits_lent", .credits, "What calls below it hold of its hold or were charged."
        ) {
            $0.log.creditsLent
        },
        OutputField(
            "parent_usage_id", .nullable(.uuid), "The call out of whose hold its own was taken."
        ) {
            $0.log.parentID
        },
        OutputField("is_late", .bool, "Whether it succeeded after its hold had expired.") {
            $0.log.isLate
        },
        OutputField("endpoint", .text, "The tool server's endpoint.") { $0.log.call.endpoint },
        OutputField("method", .text, "Its HTTP method.") { $0.log.call.method },
        OutputField("created_at", .time, "When it was reserved.") { $0.log.createdAt },
        OutputField("committed_at", .nullable(.time), "When it was committed.") {
            $0.log.committedAt
        },
        OutputField("expires_at", .time, "When the reservation lapses.") { $0.log.expiresAt },
        OutputField("failure_type", .nullable(.oneOf), "Why it failed.") { $0.log.failure?.type },
        OutputField("failure_reason", .nullable(.text), "In a sentence.") {
            $0.log.failure?.reason
        },
    ]
}
