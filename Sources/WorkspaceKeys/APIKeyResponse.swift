import APIKeys
import Database
import FoundationEssentials
import HTTPEndpoint
import Values
import Workspaces

/// A key as members see it.
package struct APIKeyResponse: JSONObjectOutput {
    package let key: APIKeyRow
    package let state: APIKeyState

    init(_ key: APIKeyRow, at now: Timestamp) {
        self.key = key
        state = key.state(at: now)
    }

    package static let schemaName = "APIKey"
    package static let about = "A key of a workspace, without its secret."
    package static let fields: [OutputField<APIKeyResponse>] = [
        OutputField("id", .uuid, "The key's id.") { $0.key.id },
        OutputField("name", .text, "What it is called.") { $0.key.name },
        OutputField("key_prefix", .text, "Its first 14 characters.") { $0.key.prefix },
        OutputField("is_test_key", .bool, "Test keys cost nothing and are logged as such.") {
            $0.key.isTest
        },
        OutputField("state", .oneOf, "Only a `live` key lets a call in.") { $0.state },
        OutputField(
            "credit_limit", .nullable(.credits),
            "What it, and all that was rotated from or to it, may use and hold in a period."
        ) { $0.key.creditLimit },
        OutputField("created_at", .time, "When it was made.") { $0.key.createdAt },
        OutputField("expires_at", .nullable(.time), "When it ends.") { $0.key.expiresAt },
        OutputField("last_used_at", .nullable(.time), "To the minute.") { $0.key.lastUsedAt },
        OutputField("revoked_at", .nullable(.time), "When it was revoked.") {
            $0.key.revokedAt
        },
    ]
}

/// A key that was just made: the only answer that tells it.
package struct NewAPIKeyResponse: JSONObjectOutput {
    package let key: APIKeyResponse
    package let secret: String

    package static let schemaName = "NewAPIKey"
    package static let about = "A key that was just made. Nobody is told its secret once more."
    package static let fields: [OutputField<NewAPIKeyResponse>] =
        [
            OutputField("api_key", .text, "The key itself; keep it now.") {
                (made: NewAPIKeyResponse) in made.secret
            }
        ] + APIKeyResponse.fields.map { $0.of { (made: NewAPIKeyResponse) in made.key } }
}

/// `GET /api/workspaces/{workspace_id}/api-keys`
package struct ListAPIKeys: Action {
    let parts: WorkspaceParts

    package static let about = About(
        "A workspace's keys",
        details: "For its members, the newest first; revoked and expired ones too.",
        access: .workspaceMember,
        links: [Link(to: "ListAPIKeys", "cursor", from: "/next_cursor", "The next page.")])

    package func read(_ input: inout InputReader) -> WorkspaceListQuery {
        WorkspaceListQuery(&input)
    }

    package func perform(
        _ query: WorkspaceListQuery, _ call: Call
    ) async throws -> Reply<WorkspacePage<APIKeyResponse>> {
        let now = parts.clock.now()
        let keys = try await parts.look(at: query.workspace, by: call) {
            try APIKeyRow.page(
                of: query.workspace, before: query.page.cursor, limit: query.page.rows, in: $1)
        }
        return Reply(
            WorkspacePage(keys, query.page, id: \.id) { APIKeyResponse($0, at: now) })
    }
}
