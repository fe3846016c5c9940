import FoundationEssentials
import HTTPEndpoint
import JSON
import PageFrame
import WorkspaceMembers
import Workspaces

/// Who is in a workspace.
struct MembersPage: SpacePage {
    typealias Shown = ListWorkspaceMembers

    let parts: WorkspacePageParts

    static let about = AboutPage.space("members")

    func read(_ input: inout InputReader) -> SpaceAddress {
        SpaceAddress(&input, hasPages: true)
    }

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let reply = try await parts.workspaces.listMembers.perform(
            desk.page(address.cursor), desk.visit.call)
        let path = desk.path + "/members"
        return PageView(
            desk.values(
                "members",
                [
                    "members": SpaceDesk.rows(reply.output?.items ?? []) { row($0, desk) },
                    "can_leave": .bool(desk.role != .owner),
                ]
            ).with(desk.pager(path, address.cursor, next: reply.output?.nextCursor)))
    }

    private func row(_ member: MemberResponse, _ desk: SpaceDesk) -> JSONObject {
        let user = member.member.userID
        let isSelf = user == desk.membership.member.userID
        return MemberPage.badge(member, desk).with([
            "who": .string(member.shownName), "email": .text(member.email),
            "is_self": .bool(isSelf),
            "role_html": .string(words.html("space.role.\(member.role.rawValue)")),
            "since_html": .string(desk.spoken.day(member.member.joinedAt, now: desk.now)),
            "href": .text(
                desk.membership.rights(over: member.member).isEmpty
                    ? nil : "\(desk.path)/members/\(user.text)"),
        ])
    }
}

extension MemberResponse {
    /// The name, else the address, else the id.
    var shownName: String {
        [fullName, email].compactMap { $0 }.first { !$0.isEmpty } ?? member.userID.text
    }
}

/// One member, and what the visitor may do to them; the owner may give another role.
struct MemberPage: SpacePage, FormPage {
    typealias Shown = UpdateWorkspaceMember

    let parts: WorkspacePageParts

    static let about = AboutPage.space("member")
    static let item = "user_id"

    func read(_ input: inout InputReader) -> SpaceAddress {
        SpaceAddress(&input, item: Self.item)
    }

    func read(form: inout InputReader) -> MemberChangeRequest {
        form.body(MemberChangeRequest.self)
    }

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let member = try await parts.workspaces.member(
            address.item, of: desk.id, by: desk.visit.call)
        let rights = desk.membership.rights(over: member.member)
        let choices = GivenRole.allCases.map {
            (value: $0.rawValue, text: words.html("space.role.\($0.rawValue)"))
        }
        let form = PageForm(
            words, rights.contains(.setRole) ? [FormField("role", .choice(choices))] : [])
        return PageView(
            desk.values("members", form.values(desk.visit, ["role": member.member.role.rawValue]))
                .with(Self.badge(member, desk)).with([
                    "who": .string(member.shownName),
                    "at": .string("\(desk.path)/members/\(member.member.userID.text)"),
                    "facts": .array([
                        desk.fact("email", (member.email ?? "–").escapedForHTML),
                        desk.fact("role", words.html("space.role.\(member.role.rawValue)")),
                        desk.fact(
                            "since", desk.spoken.day(member.member.joinedAt, now: desk.now)),
                    ]),
                    "can_set_role": .bool(rights.contains(.setRole)),
                    "can_enable": .bool(rights.contains(.enable)),
                    "can_disable": .bool(rights.contains(.disable)),
                    "can_remove": .bool(rights.contains(.remove)),
                    "can_transfer": .bool(rights.contains(.makeOwner)),
                ]))
    }

    static func badge(_ member: MemberResponse, _ desk: SpaceDesk) -> JSONObject {
        desk.badge(
            "status", member.member.status.rawValue,
            member.member.status == .enabled ? "good" : "bad")
    }

    func submit(
        _ form: MemberChangeRequest, _ address: SpaceAddress, _ visit: Visit
    ) async throws -> Submitted {
        let (id, user) = (try address.workspace, try address.item)
        _ = try await parts.workspaces.updateMember.perform(
            .init(workspace: id, user: user, request: form), visit.call)
        return Submitted(
            "\(WorkspacePageParts.root)/\(id.text)/members/\(user.text)", notice: "saved")
    }
}

/// Gives a member a seat, or takes it.
struct MemberStatusButton: SpaceButton {
    let parts: WorkspacePageParts

    var owner: MemberPage { MemberPage(parts: parts) }

    func read(_ input: inout InputReader) -> SpaceAddress {
        SpaceAddress(&input, item: MemberPage.item)
    }

    func read(form: inout InputReader) -> MemberChangeRequest {
        form.body(MemberChangeRequest.self)
    }

    func place(_ address: SpaceAddress) throws -> String {
        "/members/\(try address.item.text)"
    }

    func submit(
        _ form: MemberChangeRequest, _ address: SpaceAddress, _ visit: Visit
    ) async throws -> Submitted {
        _ = try await parts.workspaces.updateMember.perform(
            .init(
                workspace: address.workspace, user: address.item, request: form), visit.call)
        return try back(address, notice: "saved")
    }
}

struct RemoveMemberPage: SpacePage, FormPage {
    typealias Shown = RemoveWorkspaceMember

    let parts: WorkspacePageParts

    static let about = AboutPage.space("space_confirm")

    func read(_ input: inout InputReader) -> SpaceAddress {
        SpaceAddress(&input, item: MemberPage.item)
    }

    func read(form: inout InputReader) {}

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let member = try await parts.workspaces.member(
            address.item, of: desk.id, by: desk.visit.call)
        let at = "\(desk.path)/members/\(member.member.userID.text)"
        return desk.confirm(
            "remove", action: at + "/remove", back: at,
            facts: ["now", "told"] + (member.role == .admin ? ["admin"] : []),
            ["who": member.shownName])
    }

    func submit(_ form: Void, _ address: SpaceAddress, _ visit: Visit) async throws -> Submitted {
        let id = try address.workspace
        _ = try await parts.workspaces.removeMember.perform((id, address.item), visit.call)
        return Submitted(
            "\(WorkspacePageParts.root)/\(id.text)/members", notice: "member_removed")
    }
}

/// Asks before a team is given away.
struct TransferPage: SpacePage, FormPage {
    typealias Shown = TransferWorkspace

    let parts: WorkspacePageParts

    static let about = AboutPage.space("space_confirm")

    func read(_ input: inout InputReader) -> SpaceAddress {
        SpaceAddress(&input, item: MemberPage.item)
    }

    func read(form: inout InputReader) {}

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let member = try await parts.workspaces.member(
            address.item, of: desk.id, by: desk.visit.call)
        let at = "\(desk.path)/members/\(member.member.userID.text)"
        return desk.confirm(
            "transfer", action: at + "/transfer", back: at, facts: ["owner", "admin"],
            ["who": member.shownName])
    }

    func submit(_ form: Void, _ address: SpaceAddress, _ visit: Visit) async throws -> Submitted {
        let id = try address.workspace
        _ = try await parts.workspaces.transfer.perform(
            (id, TransferRequest(user: address.item)), visit.call)
        return Submitted(
            "\(WorkspacePageParts.root)/\(id.text)/members", notice: "space_transferred")
    }
}

struct LeavePage: SpacePage, FormPage {
    typealias Shown = LeaveWorkspace

    let parts: WorkspacePageParts

    static let about = AboutPage.space("space_confirm")

    func read(form: inout InputReader) {}

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let isDisabled = desk.membership.member.status == .disabled
        return desk.confirm(
            "leave", action: desk.path + "/leave",
            back: isDisabled ? WorkspacePageParts.root : desk.path, facts: ["now", "back"])
    }

    func submit(_ form: Void, _ address: SpaceAddress, _ visit: Visit) async throws -> Submitted {
        _ = try await parts.workspaces.leave.perform(address.workspace, visit.call)
        return Submitted(WorkspacePageParts.root, notice: "space_left")
    }
}
