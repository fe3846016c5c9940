import FoundationEssentials
import HTTPEndpoint
import Ledger
import LedgerStore
import UsageReports
import Values
import Workspaces

/// `GET /api/workspaces/{workspace_id}/usage/logs`
package struct ListWorkspaceUsageLogs: Action {
    let parts: WorkspaceAccountParts

    package static let about = About(
        "A workspace's usage logs",
        details: "For its members, the newest first; calls with test keys among them.",
        access: .workspaceMember,
        links: [
            Link(to: "ListWorkspaceUsageLogs", "cursor", from: "/next_cursor", "The next page.")
        ], isLarge: true)

    package struct Query: Sendable {
        let list: WorkspaceListQuery
        let status: UsageLog.Status?
        let featureKey: String?

        package init(list: WorkspaceListQuery, status: UsageLog.Status?, featureKey: String?) {
            self.list = list
            self.status = status
            self.featureKey = featureKey
        }
    }

    package func read(_ input: inout InputReader) -> Query {
        Query(
            list: WorkspaceListQuery(&input),
            status: input.query("status", .oneOf(UsageLog.Status.self), "Only of this status."),
            featureKey: input.query("feature_key", .text(1...255), "Only of this feature."))
    }

    package func perform(
        _ query: Query, _ call: Call
    ) async throws -> Reply<WorkspacePage<APIUsageLogResponse>> {
        let (id, page) = (query.list.workspace, query.list.page)
        let now = parts.workspaces.clock.now()
        let logs = try await parts.workspaces.look(at: id, by: call) { _, connection in
            try UsageLogRow.page(
                of: id, before: page.cursor, status: query.status.map { ($0, now) },
                featureKey: query.featureKey, limit: page.rows, .of(.api), in: connection)
        }
        return Reply(
            WorkspacePage(logs, page, id: \.id) { APIUsageLogResponse(log: $0, at: now) })
    }
}

package struct APIUsageLogResponse: JSONObjectOutput {
    package let log: UsageLog
    package let told: UsageLogResponse

    init(log: UsageLog, at now: Timestamp) {
        self.log = log
        told = UsageLogResponse(log: log, status: log.status(at: now))
    }

    package static let schemaName = "APIUsageLog"
    package static let about = "One metered call by key."
    package static let fields: [OutputField<APIUsageLogResponse>] =
        UsageLogResponse.fields.map { $0.of { (answer: APIUsageLogResponse) in answer.told } } + [
            OutputField("api_key_id", .nullable(.uuid), "The key that it was made with.") {
                $0.log.caller?.keyID
            },
            OutputField("is_test", .bool, "Whether that is a test key: then it cost nothing.") {
                $0.log.caller?.isTest ?? false
            },
        ]
}
