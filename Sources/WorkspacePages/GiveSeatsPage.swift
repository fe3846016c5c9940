import FoundationEssentials
import HTTPEndpoint
import JSON
import PageFrame
import Values
import WorkspaceMembers
import Workspaces

/// Who of those without a seat gets one: whoever was in a team that was frozen and is paid again.
struct GiveSeatsPage: SpacePage, FormPage {
    typealias Shown = ReactivateMembers

    let parts: WorkspacePageParts

    static let about = AboutPage.space("space_seats")

    func read(_ input: inout InputReader) -> SpaceAddress {
        SpaceAddress(&input, hasPages: true)
    }

    func read(form: inout InputReader) -> TickedMembers { form.body(TickedMembers.self) }

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let reply = try await parts.workspaces.listMembers.perform(
            desk.page(address.cursor), desk.visit.call)
        let (path, items) = (desk.path + "/plan/members", reply.output?.items ?? [])
        let typed = desk.visit.attempt?.typed ?? [:]
        let rows = items.enumerated().map { place, member -> JSONValue in
            let (name, id) = (TickedMembers.name(place), member.member.userID.text)
            return .object(
                MemberPage.badge(member, desk).with([
                    "name": .string(name), "id": .string(id), "who": .string(member.shownName),
                    "role_html": .string(words.html("space.role.\(member.role.rawValue)")),
                    "has_seat": .bool(member.member.status == .enabled),
                    "is_ticked": .bool(typed[name] == id),
                ]))
        }
        let cursor = address.cursor.map { "?cursor=\(QueryString.encode(Cursor.text($0)))" } ?? ""
        return PageView(
            desk.values("plan", PageForm(words, []).values(desk.visit)).with([
                "seats_html": .string(desk.seats), "rows": .array(rows),
                "action": .string(path + cursor),
            ]).with(desk.pager(path, address.cursor, next: reply.output?.nextCursor)))
    }

    func submit(
        _ form: TickedMembers, _ address: SpaceAddress, _ visit: Visit
    ) async throws -> Submitted {
        let id = try await parts.admit(to: Shown.self, address, visit)
        guard !form.users.isEmpty else {
            throw Problem.invalid([
                FieldError(["body", "seats"], "Field required", type: "missing")
            ])
        }
        _ = try await parts.workspaces.reactivate.perform(
            (id, ReactivationRequest(adding: form.users)), visit.call)
        return Submitted(
            "\(WorkspacePageParts.root)/\(id.text)/members", notice: "seats_given")
    }
}

/// The members of a page that were ticked, each by a field of its own: a form has no field twice.
struct TickedMembers: JSONInput {
    let users: [UUID]

    static let about = "Who gets a seat."

    init(_ reader: inout ObjectReader) {
        users = (0..<Int(WorkspacePageParts.rows)).compactMap {
            reader.optional(Self.name($0), .uuid, "A member.")
        }
    }

    static func name(_ place: Int) -> String { "seat_\(place)" }
}
