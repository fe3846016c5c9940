import FoundationEssentials
import HTTPEndpoint
import LedgerStore
import UsageReports
import Workspaces

extension WorkspaceAccountParts {
    /// A workspace's usage by day, feature and key, read once.
    package func usage(
        of id: UUID, _ span: UsageSpan, by call: Call
    ) async throws -> UsageTable {
        try await workspaces.look(at: id, by: call) { _, connection in
            try UsageTable.select(
                of: id, from: span.from, to: span.to, by: [.day, .feature, .key], .of(.api),
                in: connection)
        }
    }
}

/// `GET /api/workspaces/{workspace_id}/usage/summary`
package struct SummarizeWorkspaceUsage: Action {
    let parts: WorkspaceAccountParts

    package enum Grouping: String, CaseIterable, Sendable, NamedEnumeration {
        case day
        case feature
        case key

        package static let schemaName = "WorkspaceUsageGrouping"

        fileprivate var sums: UsageSum.Grouping {
            switch self {
            case .day: .day
            case .feature: .feature
            case .key: .key
            }
        }
    }

    package struct Query: Sendable {
        let workspace: UUID
        let span: UsageSpan
        let by: Grouping

        package init(workspace: UUID, span: UsageSpan, by: Grouping) {
            self.workspace = workspace
            self.span = span
            self.by = by
        }
    }

    package static let about = About(
        "A workspace's usage, summed up by day, by feature or by key",
        details: """
            For its members. \(UsageSpan.about) A key is named by its id. Calls with test keys \
            are counted and cost nothing.
            """,
        access: .workspaceMember, isLarge: true)

    package func read(_ input: inout InputReader) -> Query {
        let workspace = input.workspace()
        let by = input.query("by", .oneOf(Grouping.self), "`day` if not given.") ?? .day
        return Query(
            workspace: workspace, span: UsageSpan(&input, now: parts.workspaces.clock.now()),
            by: by)
    }

    package func perform(_ query: Query, _ call: Call) async throws -> Reply<UsageSummaryResponse> {
        let sums = try await parts.workspaces.look(at: query.workspace, by: call) { _, connection in
            try UsageSum.select(
                of: query.workspace, from: query.span.from, to: query.span.to, by: query.by.sums,
                .of(.api), in: connection)
        }
        return Reply(UsageSummaryResponse(sums))
    }
}
