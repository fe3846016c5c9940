import APIKeys
import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import Users
import Values

/// `PATCH /api/workspaces/{workspace_id}`
package struct UpdateWorkspace: Action {
    let parts: WorkspaceParts

    package static let about = About(
        "Change a workspace's name, slug, description or billing email",
        details: """
            For admins, the billing email for the owner alone. What is left out stays; a null \
            description removes it. A billing email is used once the code that is mailed to it \
            was told to `/billing-email/verify`; null, or the owner's own, is used at once.
            """,
        access: .workspaceAdmin, refusals: [.slugTaken, .workspaceSuspended, .tooManyAttempts])

    package func read(_ input: inout InputReader) -> (UUID, WorkspaceChangeRequest) {
        (input.workspace(), input.body(WorkspaceChangeRequest.self))
    }

    package func perform(
        _ input: (UUID, WorkspaceChangeRequest), _ call: Call
    ) async throws -> Reply<WorkspaceResponse> {
        let (id, request) = input
        let changed = try await parts.decide(Self.self, on: id, by: call) { [parts] decision in
            let (row, connection) = (decision.workspace, decision.connection)
            let slug = request.slug ?? row.slug
            if slug != row.slug, try WorkspaceRow.isTaken(slug, in: connection) {
                throw Problem.slugTaken
            }
            try Self.set(request, slug, of: decision)
            if request.changesBillingEmail {
                try parts.setBillingEmail(
                    request.billingEmail, ofWorkspaceNamed: request.name ?? row.displayName,
                    decision)
            }
            let changed = try WorkspaceResponse.read(
                row.id, of: decision.caller, in: connection)
            if changed.membership.workspace.profile != row.profile {
                try decision.note(
                    .updated, row.id, before: row.profile,
                    after: changed.membership.workspace.profile)
            }
            return try parts.told(changed, in: connection)
        }
        return Reply(changed)
    }

    private static func set(
        _ request: WorkspaceChangeRequest, _ slug: String, of decision: WorkspaceDecision
    ) throws {
        let row = decision.workspace
        do {
            try row.setProfile(
                name: request.name ?? row.displayName, slug: slug,
                description: request.changesDescription
                    ? request.description : row.description,
                in: decision.connection, now: decision.now)
        } catch DatabaseError.duplicate {
            // Another workspace took it a moment ago.
            throw Problem.slugTaken
        }
    }
}

/// What of a workspace is to change.
package struct WorkspaceChangeRequest: JSONInput {
    package let name: String?
    package let slug: String?
    let changesDescription: Bool
    let description: String?
    let changesBillingEmail: Bool
    let billingEmail: EmailAddress?

    package static let schemaName = "WorkspaceChange"
    package static let about = "What is to change; what is left out stays."

    package init(_ reader: inout ObjectReader) {
        name = reader.optional("display_name", .spaceName, "Its name.")
        slug = reader.optional("slug", .slug, "Its name in addresses.")
        description = reader.optional("description", .text(0...500), "null removes it.")
        changesDescription = reader.mentions("description")
        billingEmail = reader.optional(
            "billing_email", .email, "Where bills go; null for the owner's address.")
        changesBillingEmail = reader.mentions("billing_email")
    }
}

extension APIKeyRow {
    /// What the audit log tells of a key.
    package var told: JSONObject {
        [
            "name": .string(name), "key_prefix": .string(prefix), "is_test_key": .bool(isTest),
            "credit_limit": creditLimit.map { .string($0.decimal) } ?? .null,
            "expires_at": expiresAt.map { .string($0.rfc3339) } ?? .null,
        ]
    }
}
