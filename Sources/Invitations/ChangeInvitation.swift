import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import Users
import Values
import Workspaces

/// `POST /api/workspaces/{workspace_id}/invitations/{invitation_id}/resend`
package struct ResendWorkspaceInvitation: Action {
    let parts: WorkspaceParts

    package static let about = About(
        "Send an invitation again",
        details: """
            For admins; an admin's for the owner. It has seven days anew, and the link of the \
            mail before is worth nothing.
            """,
        access: .activeWorkspaceAdmin,
        refusals: [.invitationNotFound, .noSeatLeft, .tooManyAttempts])

    package func read(_ input: inout InputReader) -> (UUID, UUID) {
        (input.workspace(), input.invitation())
    }

    package func perform(
        _ input: (UUID, UUID), _ call: Call
    ) async throws -> Reply<InvitationResponse> {
        let (id, invitation) = input
        let sent = try await parts.decide(Self.self, on: id, by: call) {
            [parts] decision -> InvitationRow in
            let row = try decision.pendingInvitation(invitation)
            if row.role == .admin { try decision.requireOwner() }
            try decision.requireSeat()
            guard let email = EmailAddress(row.email) else { throw Problem.invitationNotFound }
            try parts.countMail(to: email, of: decision)
            let token = InvitationToken.make()
            try row.renew(
                hash: parts.secrets.hash(.invitation, token), in: decision.connection,
                now: decision.now)
            try decision.note(.invitationResent, row.id)
            try parts.mails.invite(row, token: token, decision)
            return try decision.pendingInvitation(invitation)
        }
        return Reply(InvitationResponse(invitation: sent, status: .pending))
    }
}

/// `DELETE /api/workspaces/{workspace_id}/invitations/{invitation_id}`
package struct RevokeWorkspaceInvitation: Action {
    let parts: WorkspaceParts

    package static let about = About(
        "Revoke an invitation", details: "For admins. Only one that waits is revoked.",
        access: .workspaceAdmin, status: 204, refusals: [.invitationNotFound])

    package func read(_ input: inout InputReader) -> (UUID, UUID) {
        (input.workspace(), input.invitation())
    }

    package func perform(
        _ input: (UUID, UUID), _ call: Call
    ) async throws -> Reply<MessageResponse> {
        let (id, invitation) = input
        try await parts.decide(Self.self, on: id, by: call) { decision in
            let row = try decision.pendingInvitation(invitation)
            try row.set(.revoked, in: decision.connection)
            try decision.note(.invitationRevoked, row.id, before: row.told)
        }
        return .noContent
    }
}

extension WorkspaceDecision {
    /// - Throws: ``Problem`` 404 `invitation_not_found` for one that does not wait, too.
    fileprivate func pendingInvitation(_ id: UUID) throws -> InvitationRow {
        guard let row = try InvitationRow.find(id, of: workspace.id, in: connection),
            row.status(at: now) == .pending
        else { throw Problem.invitationNotFound }
        return row
    }
}

extension InputReader {
    fileprivate mutating func invitation() -> UUID {
        path("invitation_id", .uuid, "The invitation's id.")
    }
}
