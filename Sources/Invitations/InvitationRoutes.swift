import HTTPEndpoint
import Workspaces

/// The addresses of invitations.
package func invitationRoutes(_ parts: WorkspaceParts) -> [Endpoint] {
    let (tag, sent) = ("Workspaces", "/api/workspaces/{workspace_id}/invitations")
    return [
        Endpoint(.get, sent, tag: tag, ListWorkspaceInvitations(parts: parts)),
        Endpoint(.post, sent, tag: tag, CreateWorkspaceInvitation(parts: parts)),
        Endpoint(
            .post, sent + "/{invitation_id}/resend", tag: tag,
            ResendWorkspaceInvitation(parts: parts)),
        Endpoint(
            .delete, sent + "/{invitation_id}", tag: tag,
            RevokeWorkspaceInvitation(parts: parts)),
        Endpoint(.get, "/api/invitations/{token}", tag: tag, ShowInvitation(parts: parts)),
        Endpoint(.post, "/api/invitations/accept", tag: tag, AcceptInvitation(parts: parts)),
    ]
}

extension Problem {
    static let alreadyMember = Problem(
        409, "already_member", "Already a member", "This address belongs to a member.")
    static let alreadyInvited = Problem(
        409, "already_invited", "Already invited",
        "This address has an invitation that is good; send it again or revoke it.")
    static let tooManyInvitations = Problem(
        409, "too_many_invitations", "Too many invitations",
        "This workspace has as many pending invitations as there can be.")
    static let invitationNotFound = Problem(
        404, "invitation_not_found", "No such invitation",
        "There is no invitation of this kind, or it was used, revoked or has expired.")
    static let invitationForAnother = Problem(
        403, "invitation_for_another", "For another address",
        "This invitation is for another email address than yours.")
}
