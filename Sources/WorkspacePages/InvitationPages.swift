import FoundationEssentials
import HTTPEndpoint
import Invitations
import JSON
import PageFrame
import Workspaces

/// Who was invited to a workspace; another invitation.
struct InvitationsPage: SpacePage, FormPage {
    typealias Shown = ListWorkspaceInvitations

    let parts: WorkspacePageParts

    static let about = AboutPage.space("invitations")

    func read(_ input: inout InputReader) -> SpaceAddress {
        SpaceAddress(&input, hasPages: true)
    }

    func read(form: inout InputReader) -> InvitationRequest {
        form.body(InvitationRequest.self)
    }

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let reply = try await parts.workspaces.listInvitations.perform(
            desk.page(address.cursor), desk.visit.call)
        // An admin is invited by the owner.
        let roles = desk.role == .owner ? [GivenRole.member, .admin] : [.member]
        let form = PageForm(
            words,
            [
                FormField("email", .email),
                FormField(
                    "role",
                    .choice(
                        roles.map {
                            (value: $0.rawValue, text: words.html("space.role.\($0.rawValue)"))
                        })),
            ])
        let items = reply.output?.items ?? []
        let refusal = desk.workspace.refusalToAdd
        return PageView(
            desk.values("invitations", form.values(desk.visit)).with([
                "has_invitations": .bool(!items.isEmpty),
                "invitations": SpaceDesk.rows(items) { row($0, desk) },
                "can_invite": .bool(refusal == nil),
                "refusal_html": .text(refusal.map { words.html("problem.\($0.code)") + "." }),
            ]).with(
                desk.pager(
                    desk.path + "/invitations", address.cursor, next: reply.output?.nextCursor)))
    }

    private func row(_ sent: InvitationResponse, _ desk: SpaceDesk) -> JSONObject {
        let tones: [InvitationStatus: String] = [
            .pending: "wait", .accepted: "good", .revoked: "bad", .expired: "warn",
        ]
        let invitation = sent.invitation
        return desk.badge("invitation", sent.status.rawValue, tones[sent.status] ?? "warn").with([
            "id": .string(invitation.id.text), "email": .string(invitation.email),
            "role_html": .string(words.html("space.role.\(invitation.role.rawValue)")),
            "end_html": .string(desk.spoken.day(invitation.expiresAt, now: desk.now)),
            "is_pending": .bool(sent.status == .pending),
            "can_resend": .bool(invitation.role == .member || desk.role == .owner),
        ])
    }

    func submit(
        _ form: InvitationRequest, _ address: SpaceAddress, _ visit: Visit
    ) async throws -> Submitted {
        let id = try address.workspace
        _ = try await parts.workspaces.invite.perform((id, form), visit.call)
        return Submitted(
            "\(WorkspacePageParts.root)/\(id.text)/invitations", notice: "invitation_sent")
    }
}

/// Which invitation a button of the list is for.
struct InvitationForm: JSONInput {
    let invitation: UUID

    static let about = "An invitation."

    init(_ reader: inout ObjectReader) {
        invitation = reader.required("invitation_id", .uuid, "The invitation's id.")
    }
}

struct ResendButton: SpaceButton {
    let parts: WorkspacePageParts

    var owner: InvitationsPage { InvitationsPage(parts: parts) }

    func read(form: inout InputReader) -> InvitationForm { form.body(InvitationForm.self) }

    func place(_ address: SpaceAddress) -> String { "/invitations" }

    func submit(
        _ form: InvitationForm, _ address: SpaceAddress, _ visit: Visit
    ) async throws -> Submitted {
        _ = try await parts.workspaces.resendInvitation.perform(
            (address.workspace, form.invitation), visit.call)
        return try back(address, notice: "invitation_sent")
    }
}

struct RevokeInvitationButton: SpaceButton {
    let parts: WorkspacePageParts

    var owner: InvitationsPage { InvitationsPage(parts: parts) }

    func read(form: inout InputReader) -> InvitationForm { form.body(InvitationForm.self) }

    func place(_ address: SpaceAddress) -> String { "/invitations" }

    func submit(
        _ form: InvitationForm, _ address: SpaceAddress, _ visit: Visit
    ) async throws -> Submitted {
        _ = try await parts.workspaces.revokeInvitation.perform(
            (address.workspace, form.invitation), visit.call)
        return try back(address, notice: "invitation_revoked")
    }
}

/// What the link of an invitation's mail opens: where to, as what, and the way in.
struct InvitationPage: FormPage {
    let parts: WorkspacePageParts

    static let about = AboutPage("invitation", access: .everybody)

    private var words: Words { parts.words }

    func read(_ input: inout InputReader) -> String { parts.workspaces.showInvitation.read(&input) }

    func read(form: inout InputReader) {}

    func view(_ token: String, _ visit: Visit) async throws -> PageView {
        try await parts.requireOffer()
        let form = PageForm(words, []).values(visit)
        guard
            let invitation = try await parts.workspaces.showInvitation.perform(token, visit.call)
                .output
        else { throw Problem.internalError }
        let here = "/invitations/\(QueryString.encode(token))"
        let next = "?next=" + QueryString.encode(here)
        let isElsewhere = parts.site.signsInElsewhere
        let role = words.html("invitation.role.\(invitation.invitation.role.rawValue)")
        let values = ["space": invitation.workspace]
        return PageView(
            form.with([
                "heading_html": .string(words.html("invitation.heading", values)),
                "name": .string(invitation.workspace),
                "text_html": .string(
                    words.html(
                        "invitation.text",
                        [
                            "email": invitation.invitation.emailHint, "role_html": role,
                            "when": Spoken(words: words, zone: visit.zone).day(
                                invitation.invitation.expiresAt, now: parts.now),
                        ])),
                "at": .string(here), "can_accept": .bool(visit.call.caller != nil),
                "is_stranger": .bool(visit.call.caller == nil && !isElsewhere),
                "is_elsewhere": .bool(visit.call.caller == nil && isElsewhere),
                "signin": .string("/signin" + next), "signup": .string("/signup" + next),
            ]))
    }

    func submit(_ form: Void, _ token: String, _ visit: Visit) async throws -> Submitted {
        guard visit.call.caller != nil else {
            let here = QueryString.encode("/invitations/\(QueryString.encode(token))")
            return Submitted(
                parts.site.signsInElsewhere ? "/enter" : "/signin?next=\(here)")
        }
        let reply = try await parts.workspaces.acceptInvitation.perform(
            AcceptRequest(token: token), visit.call)
        guard let joined = reply.output else { throw Problem.internalError }
        return Submitted(
            "\(WorkspacePageParts.root)/\(joined.membership.workspace.id.text)",
            notice: "invitation_accepted")
    }
}
