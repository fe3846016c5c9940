import Billing
import FoundationEssentials
import HTTPEndpoint
import LedgerStore
import UsageReports
import Workspaces

/// `GET /api/workspaces/{workspace_id}/credits`: see ``CreditListResponse``.
package struct ListWorkspaceCredits: Action {
    let parts: WorkspaceAccountParts

    package static let about = About(
        "A workspace's credits by their grants, in the order in which they are used",
        details: "For its members.",
        access: .workspaceMember, refusals: [.subscriptionNotFound],
        links: [
            Link(to: "ListWorkspaceCredits", "cursor", from: "/next_cursor", "The next page.")
        ], isLarge: true)

    package struct Query: Sendable {
        let workspace: UUID
        let page: CreditPage

        package init(workspace: UUID, page: CreditPage) {
            self.workspace = workspace
            self.page = page
        }
    }

    package func read(_ input: inout InputReader) -> Query {
        Query(workspace: input.workspace(), page: CreditPage(&input))
    }

    package func perform(_ query: Query, _ call: Call) async throws -> Reply<CreditListResponse> {
        try await parts.workspaces.look(at: query.workspace, by: call) { _, _ in }
        guard let standing = try await parts.standing(of: query.workspace) else {
            throw Problem.workspaceHasNoSubscription
        }
        return Reply(
            try await parts.workspaces.database.read {
                try standing.credits(query.page, .of(.api), in: $0)
            })
    }
}

extension Problem {
    static var workspaceHasNoSubscription: Problem {
        .subscriptionNotFound.with(detail: "The workspace has no subscription.")
    }
}
