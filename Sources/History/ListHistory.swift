import Database
import FoundationEssentials
import HTTPEndpoint
import Values

/// `GET /career/history`: the results that were kept for the user.
package struct ListHistory: Action {
    let database: any Database

    package init(database: any Database) {
        self.database = database
    }

    package static let about = About(
        "Results of my calls, newest first",
        details: """
            What tool servers had kept of successful calls. A page ends early where its results \
            take more than \(AnalysisResultRow.pageBytes >> 20) MiB.
            """,
        access: .user,
        links: [Link(to: "ListHistory", "before", from: "/next_cursor", "The next page.")],
        isLarge: true)

    package struct Page: Sendable {
        let before: UUID?
        let limit: Int64
        let featureKey: String?

        /// - Parameters:
        ///   - before: only results older than this one.
        ///   - limit: at most so many.
        package init(before: UUID?, limit: Int64, featureKey: String? = nil) {
            self.before = before
            self.limit = limit
            self.featureKey = featureKey
        }
    }

    package func read(_ input: inout InputReader) -> Page {
        Page(
            before: input.query("before", .cursor, "`next_cursor` of the page before."),
            limit: input.query("limit", .integer(1...100), "Results a page; 20 if not given.")
                ?? 20,
            featureKey: input.query("feature_key", .text(1...255), "Only of this feature."))
    }

    package func perform(_ page: Page, _ call: Call) async throws -> Reply<HistoryResponse> {
        let user = try call.user().userID
        let (results, hasMore) = try await database.read { connection in
            try AnalysisResultRow.page(
                of: user, before: page.before, featureKey: page.featureKey, limit: page.limit,
                in: connection)
        }
        return Reply(
            HistoryResponse(
                items: results.map(AnalysisResultResponse.init),
                nextCursor: hasMore ? results.last.map { Cursor.text($0.id) } : nil))
    }
}

package struct HistoryResponse: JSONObjectOutput {
    package let items: [AnalysisResultResponse]
    package let nextCursor: String?

    package static let schemaName = "CareerHistory"
    package static let about = "One page of results."
    package static let fields: [OutputField<HistoryResponse>] = [
        OutputField("items", .array(.object), "Newest first.") { $0.items },
        OutputField("next_cursor", .nullable(.text), "null on the last page.") { $0.nextCursor },
    ]
}

package struct AnalysisResultResponse: JSONObjectOutput {
    package let result: AnalysisResult

    package init(result: AnalysisResult) {
        self.result = result
    }

    package static let schemaName = "CareerAnalysisResult"
    package static let about = "The result of a successful call."
    package static let fields: [OutputField<AnalysisResultResponse>] = [
        OutputField("id", .uuid, "The result's id.") { $0.result.id },
        OutputField("title", .text, "What it is called.") { $0.result.title },
        OutputField("data", .json, "As the tool server sent it.") { $0.result.data },
        OutputField("feature_key", .text, "The feature that was called.") {
            $0.result.featureKey
        },
        OutputField("usage_id", .uuid, "The log of the call.") { $0.result.usageID },
        OutputField("created_at", .time, "When the call was committed.") { $0.result.createdAt },
    ]
}
