import FoundationEssentials
import HTTPEndpoint
import Values
import WorkspaceAuditLog

/// `GET /api/workspaces/{workspace_id}/audit-log`
package struct ListWorkspaceAudit: Action {
    let parts: WorkspaceParts

    package static let about = About(
        "Who did what in a workspace", details: "For admins, the newest first.",
        access: .workspaceAdmin,
        links: [Link(to: "ListWorkspaceAudit", "cursor", from: "/next_cursor", "The next page.")])

    package func read(_ input: inout InputReader) -> WorkspaceListQuery {
        WorkspaceListQuery(&input)
    }

    package func perform(
        _ query: WorkspaceListQuery, _ call: Call
    ) async throws -> Reply<WorkspacePage<AuditLineResponse>> {
        let lines = try await parts.look(at: query.workspace, by: call) {
            try AuditLine.page(
                of: query.workspace, before: query.page.cursor, limit: query.page.rows, in: $1)
        }
        return Reply(
            WorkspacePage(lines, query.page, id: \.id) { AuditLineResponse(line: $0) })
    }
}

/// One line of the audit log.
package struct AuditLineResponse: JSONObjectOutput {
    package let line: AuditLine

    package static let schemaName = "WorkspaceAuditLine"
    package static let about = "What was done, and by whom."
    package static let fields: [OutputField<AuditLineResponse>] = [
        OutputField("at", .time, "When.") { $0.line.at },
        OutputField(
            "actor", .text,
            """
            A user's id; `operator`; `subscription` for what follows from a change of it; or \
            `erased` for who has deleted their account since.
            """
        ) { $0.line.actor },
        OutputField("action", .oneOf, "What was done.") { $0.line.act },
        OutputField("target", .nullable(.text), "To what: an id.") { $0.line.target },
        OutputField("before", .nullable(.json), "What it was; null if it was not there.") {
            $0.line.before
        },
        OutputField("after", .nullable(.json), "What it is now; null if it is gone.") {
            $0.line.after
        },
        OutputField("request_id", .nullable(.text), "The request that did it.") {
            $0.line.requestID
        },
    ]
}
