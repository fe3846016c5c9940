import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import Users
import Values
import Workspaces

/// `GET /api/invitations/{token}`
package struct ShowInvitation: Action {
    let parts: WorkspaceParts

    package static let about = About(
        "What an invitation is for",
        details: """
            For whoever holds the token of the mail. One that is unknown, was used or revoked, or \
            has expired, is answered alike.
            """,
        access: .open, refusals: [.invitationNotFound])

    package func read(_ input: inout InputReader) -> String {
        input.path("token", .invitationToken, "Out of the mail.")
    }

    package func perform(
        _ token: String, _ call: Call
    ) async throws -> Reply<InvitationPreviewResponse> {
        let (hashes, now) = (parts.secrets.hashes(.invitation, token), parts.clock.now())
        let found = try await parts.database.read {
            connection -> InvitationPreviewResponse? in
            guard
                let row = try InvitationRow.find(token: hashes, in: connection, now: now),
                let workspace = try WorkspaceRow.find(row.workspaceID, in: connection)
            else { return nil }
            return InvitationPreviewResponse(invitation: row, workspace: workspace.displayName)
        }
        guard let found else { throw Problem.invitationNotFound }
        return Reply(found)
    }
}

/// `POST /api/invitations/accept`
package struct AcceptInvitation: Action {
    let parts: WorkspaceParts

    package static let about = About(
        "Accept an invitation",
        details: """
            For the invited address, in any case, once it is verified. Takes the seat in the same \
            decision: of two for the last seat one gets `no_seat_left` and may try again.
            """,
        access: .user,
        refusals: [
            .emailNotVerified, .invitationNotFound, .invitationForAnother, .workspaceSuspended,
            .workspaceFrozen, .workspaceWithoutSubscription, .workspaceSubscriptionInactive,
            .alreadyMember, .noSeatLeft,
        ],
        links: [Link(to: "GetWorkspace", "workspace_id", from: "/id", "The workspace.")])

    package func read(_ input: inout InputReader) -> AcceptRequest {
        input.body(AcceptRequest.self)
    }

    package func perform(
        _ request: AcceptRequest, _ call: Call
    ) async throws -> Reply<WorkspaceResponse> {
        let (user, now) = (try call.user().userID, parts.clock.now())
        let hashes = parts.secrets.hashes(.invitation, request.token)
        let joined = try await parts.database.write { [parts] connection in
            guard let row = try UserRow.findLocked(id: user, in: connection) else {
                throw Problem.unauthorized
            }
            guard row.emailVerifiedAt != nil else { throw Problem.emailNotVerified }
            // It is read again under the workspace's lock: somebody may have used it.
            guard
                let known = try InvitationRow.find(token: hashes, in: connection, now: now),
                let workspace = try WorkspaceRow.findLocked(
                    known.workspaceID, in: connection),
                let invitation = try InvitationRow.find(
                    token: hashes, in: connection, now: now)
            else { throw Problem.invitationNotFound }
            guard row.email?.lowercased() == invitation.emailKey else {
                throw Problem.invitationForAnother
            }
            let member = try Self.join(row, workspace, invitation, connection, now)
            let decision = WorkspaceDecision(
                connection: connection,
                membership: Membership(
                    workspace: workspace, member: member, isEmailVerified: true),
                call: call, now: now)
            try decision.note(.memberJoined, user, after: member.told)
            try parts.mails.accepted(row, decision)
            return try parts.told(
                WorkspaceResponse.read(workspace.id, of: user, in: connection), in: connection)
        }
        return Reply(joined)
    }

    private static func join(
        _ user: UserRow, _ workspace: WorkspaceRow, _ invitation: InvitationRow,
        _ connection: any DatabaseConnection, _ now: Timestamp
    ) throws -> MemberRow {
        if let refusal = workspace.refusalToAdd { throw refusal }
        if try MemberRow.find(user.id, of: workspace.id, in: connection) != nil {
            throw Problem.alreadyMember
        }
        let enabled = try MemberRow.enabled(of: workspace.id, in: connection)
        guard enabled < workspace.subscription.capacity else { throw Problem.noSeatLeft }
        let member = MemberRow(
            workspaceID: workspace.id, userID: user.id, role: invitation.role,
            status: .enabled, joinedAt: now)
        try member.insert(in: connection)
        try invitation.set(.accepted, in: connection)
        return member
    }
}

/// The token of an invitation.
package struct AcceptRequest: JSONInput {
    let token: String

    package static let schemaName = "InvitationAcceptance"
    package static let about = "The token out of the mail."

    package init(token: String) {
        self.token = token
    }

    package init(_ reader: inout ObjectReader) {
        token = reader.required("token", .invitationToken, "Out of the mail.")
    }
}

extension InputKind where Value == String {
    /// Of any text: what is none of ours is unknown, as a token that is over. One that is too long
    /// is still none when it is cut.
    fileprivate static var invitationToken: InputKind<String> {
        text(cutTo: 128).documented(["minLength": 1, "maxLength": 128])
    }
}

/// What who holds the token may know.
package struct InvitationPreviewResponse: JSONObjectOutput {
    package let invitation: InvitationRow
    package let workspace: String

    package static let schemaName = "InvitationPreview"
    package static let about = "What an invitation is for."
    package static let fields: [OutputField<InvitationPreviewResponse>] = [
        OutputField("workspace_name", .text, "Where to.") { $0.workspace },
        OutputField("role", .oneOf, "As what.") { $0.invitation.role },
        OutputField("email_hint", .text, "For whom, e.g. `a***@example.com`.") {
            $0.invitation.emailHint
        },
        OutputField("expires_at", .time, "When it ends.") { $0.invitation.expiresAt },
    ]
}
