import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import Users
import Values
import Workspaces

/// `GET /api/workspaces/{workspace_id}/invitations`
package struct ListWorkspaceInvitations: Action {
    let parts: WorkspaceParts

    package static let about = About(
        "A workspace's invitations", details: "For admins, the newest first.",
        access: .workspaceAdmin,
        links: [
            Link(to: "ListWorkspaceInvitations", "cursor", from: "/next_cursor", "The next page.")
        ])

    package func read(_ input: inout InputReader) -> WorkspaceListQuery {
        WorkspaceListQuery(&input)
    }

    package func perform(
        _ query: WorkspaceListQuery, _ call: Call
    ) async throws -> Reply<WorkspacePage<InvitationResponse>> {
        let now = parts.clock.now()
        let rows = try await parts.look(at: query.workspace, by: call) {
            try InvitationRow.page(
                of: query.workspace, before: query.page.cursor, limit: query.page.rows, in: $1)
        }
        return Reply(
            WorkspacePage(rows, query.page, id: \.id) {
                InvitationResponse(invitation: $0, status: $0.status(at: now))
            })
    }
}

/// `POST /api/workspaces/{workspace_id}/invitations`
package struct CreateWorkspaceInvitation: Action {
    let parts: WorkspaceParts

    package static let about = About(
        "Invite somebody by mail",
        details: """
            For admins; an admin is invited by the owner. Needs a seat that is free now. The \
            invitation is good for seven days, and its token is in the mail alone.
            """,
        access: .activeWorkspaceAdmin, status: 201,
        refusals: [
            .personalWorkspace, .noSeatLeft, .alreadyMember, .alreadyInvited,
            .tooManyInvitations, .tooManyAttempts,
        ])

    package func read(_ input: inout InputReader) -> (UUID, InvitationRequest) {
        (input.workspace(), input.body(InvitationRequest.self))
    }

    package func perform(
        _ input: (UUID, InvitationRequest), _ call: Call
    ) async throws -> Reply<InvitationResponse> {
        let (id, request) = input
        let made = try await parts.decide(Self.self, on: id, by: call) { [parts] decision in
            try decision.requireTeam()
            if request.role == .admin { try decision.requireOwner() }
            try Self.judge(request.email, decision)
            let row = InvitationRow(
                workspaceID: id, email: request.email, role: request.role,
                invitedBy: decision.caller, now: decision.now)
            let token = InvitationToken.make()
            guard
                try row.insert(
                    hash: parts.secrets.hash(.invitation, token), in: decision.connection)
            else { throw Problem.alreadyInvited }
            try parts.countMail(to: request.email, of: decision)
            try decision.note(.invitationSent, row.id, after: row.told)
            try parts.mails.invite(row, token: token, decision)
            return row
        }
        return Reply(InvitationResponse(invitation: made, status: .pending), status: 201)
    }

    private static func judge(
        _ email: EmailAddress, _ decision: WorkspaceDecision
    ) throws {
        let connection = decision.connection
        // Whoever another issuer vouches for is not found by the address among all users.
        let members = try MemberRow.ids(of: decision.workspace.id, in: connection)
        if try UserRow.isVerified(email, ofOneOf: members, in: connection) {
            throw Problem.alreadyMember
        }
        try decision.requireSeat()
        let pending = try InvitationRow.pending(
            of: decision.workspace.id, in: connection, now: decision.now)
        guard pending < InvitationRow.maximumPending else { throw Problem.tooManyInvitations }
    }
}

/// The secret of an invitation: 32 random bytes in 43 URL-safe characters.
enum InvitationToken {
    static func make() -> String {
        var generator = SystemRandomNumberGenerator()
        return Base64URL.encode(
            (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }
}

/// Who is invited.
package struct InvitationRequest: JSONInput {
    let email: EmailAddress
    let role: GivenRole

    package static let schemaName = "NewWorkspaceInvitation"
    package static let about = "Who is invited, and as what."

    package init(_ reader: inout ObjectReader) {
        email = reader.required("email", .email, "Whose address it is; the case does not matter.")
        role =
            reader.optional("role", .oneOf(GivenRole.self), "`member` if not given.") ?? .member
    }
}

/// An invitation as admins see it.
package struct InvitationResponse: JSONObjectOutput {
    package let invitation: InvitationRow
    package let status: InvitationStatus

    package static let schemaName = "WorkspaceInvitation"
    package static let about = "An invitation; its token is in the mail alone."
    package static let fields: [OutputField<InvitationResponse>] = [
        OutputField("id", .uuid, "The invitation's id.") { $0.invitation.id },
        OutputField("email", .text, "Who is invited.") { $0.invitation.email },
        OutputField("role", .oneOf, "As what.") { $0.invitation.role },
        OutputField("status", .oneOf, "Only `pending` ones can be accepted.") { $0.status },
        OutputField("invited_by", .nullable(.uuid), "Who sent it, while they are there.") {
            $0.invitation.invitedBy
        },
        OutputField("created_at", .time, "When it was sent first.") { $0.invitation.createdAt },
        OutputField("expires_at", .time, "When it ends.") { $0.invitation.expiresAt },
    ]
}
