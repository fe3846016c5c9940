import Database
import FoundationEssentials
import HTTPEndpoint

/// `GET /api/workspaces`
package struct ListWorkspaces: Action {
    let parts: WorkspaceParts

    package static let about = About(
        "My workspaces", details: "Those that the caller is a member of, the newest first.",
        access: .user,
        links: [
            Link(to: "ListWorkspaces", "cursor", from: "/next_cursor", "The next page."),
            Link(to: "GetWorkspace", "workspace_id", from: "/items/0/id", "One of them."),
        ])

    package func read(_ input: inout InputReader) -> ListQuery { ListQuery(&input) }

    package func perform(
        _ page: ListQuery, _ call: Call
    ) async throws -> Reply<WorkspacePage<WorkspaceResponse>> {
        let user = try call.user().userID
        let told = try await parts.database.read { [parts] connection in
            let found = try WorkspaceRow.page(
                of: user, before: page.cursor, limit: page.rows, in: connection
            ).map { try WorkspaceResponse.read($0.id, of: user, in: connection) }
            return try parts.told(found, in: connection)
        }
        return Reply(WorkspacePage(told, page, id: { $0.membership.workspace.id }) { $0 })
    }
}

/// `GET /api/workspaces/{workspace_id}`
package struct GetWorkspace: Action {
    let parts: WorkspaceParts

    package static let about = About(
        "A workspace", details: "For its members.", access: .workspaceMember)

    package func read(_ input: inout InputReader) -> UUID { input.workspace() }

    package func perform(_ id: UUID, _ call: Call) async throws -> Reply<WorkspaceResponse> {
        let found = try await parts.look(at: id, by: call) { [parts] in
            try parts.told(WorkspaceResponse.read($0, in: $1), in: $1)
        }
        return Reply(found)
    }
}
