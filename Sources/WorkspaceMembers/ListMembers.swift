import Database
import FoundationEssentials
import HTTPEndpoint
import Users
import Values
import Workspaces

/// A member as the others see them.
package struct MemberResponse: JSONObjectOutput {
    package let member: MemberRow
    package let role: WorkspaceRole
    package let email: String?
    package let fullName: String?

    /// Those whose users were erased meanwhile are left out.
    package static func read(
        _ members: [MemberRow], of workspace: WorkspaceRow, in connection: any DatabaseConnection
    ) throws -> [MemberResponse] {
        try members.compactMap { member in
            try UserRow.find(id: member.userID, in: connection).map { user in
                MemberResponse(
                    member: member, role: member.role(in: workspace), email: user.email,
                    fullName: user.fullName)
            }
        }
    }

    package static let schemaName = "WorkspaceMember"
    package static let about = "A member of a workspace."
    package static let fields: [OutputField<MemberResponse>] = [
        OutputField("user_id", .uuid, "The member's user id.") { $0.member.userID },
        OutputField("email", .nullable(.text), "The member's address.") { $0.email },
        OutputField("full_name", .nullable(.text), "The member's name.") { $0.fullName },
        OutputField("role", .oneOf, "`owner` may all that `admin` may, and so on.") { $0.role },
        OutputField("status", .oneOf, "Who is enabled has a seat.") { $0.member.status },
        OutputField("joined_at", .time, "When they came.") { $0.member.joinedAt },
    ]
}

/// `GET /api/workspaces/{workspace_id}/members`
package struct ListWorkspaceMembers: Action {
    let parts: WorkspaceParts

    package static let about = About(
        "A workspace's members", details: "For its members.", access: .workspaceMember,
        links: [
            Link(to: "ListWorkspaceMembers", "cursor", from: "/next_cursor", "The next page.")
        ])

    package func read(_ input: inout InputReader) -> WorkspaceListQuery {
        WorkspaceListQuery(&input)
    }

    package func perform(
        _ query: WorkspaceListQuery, _ call: Call
    ) async throws -> Reply<WorkspacePage<MemberResponse>> {
        let members = try await parts.look(at: query.workspace, by: call) {
            try MemberResponse.read(
                MemberRow.page(
                    of: query.workspace, after: query.page.cursor, limit: query.page.rows,
                    in: $1), of: $0.workspace, in: $1)
        }
        return Reply(WorkspacePage(members, query.page, id: { $0.member.userID }) { $0 })
    }
}
