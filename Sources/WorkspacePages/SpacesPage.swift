import FoundationEssentials
import HTTPEndpoint
import JSON
import PageFrame
import Workspaces

/// The workspaces that the visitor is a member of; a new team.
struct SpacesPage: FormPage {
    let parts: WorkspacePageParts

    static let about = AboutPage.space("spaces")

    private var words: Words { parts.words }

    func read(_ input: inout InputReader) -> UUID? {
        input.query("cursor", .cursor, "Where the page before ended.")
    }

    func read(form: inout InputReader) -> NewWorkspaceRequest {
        form.body(NewWorkspaceRequest.self)
    }

    func view(_ cursor: UUID?, _ visit: Visit) async throws -> PageView {
        try await parts.requireOffer()
        let reply = try await parts.workspaces.list.perform(
            ListQuery(cursor: cursor, limit: WorkspacePageParts.rows), visit.call)
        let spaces = reply.output?.items ?? []
        let form = PageForm(
            words,
            [
                FormField("display_name", .text(autocomplete: "organization")),
                FormField("description", .note, isNeeded: false),
            ])
        let path = WorkspacePageParts.root
        // Only the first page tells for sure that there is none.
        let isMissing =
            cursor == nil && !spaces.contains { $0.membership.workspace.isPersonal }
            && reply.output?.nextCursor == nil
        return PageView(
            form.values(visit).with([
                "has_spaces": .bool(!spaces.isEmpty),
                "spaces": SpaceDesk.rows(spaces) { row($0, visit) },
                "can_activate": .bool(isMissing),
                "first": cursor == nil ? .null : .string(path),
                "older": .text(
                    reply.output?.nextCursor.map {
                        "\(path)?cursor=\(QueryString.encode($0))"
                    }),
            ]))
    }

    private func row(_ space: WorkspaceResponse, _ visit: Visit) -> JSONObject {
        let desk = SpaceDesk(space: space, visit: visit, words: words, now: parts.now)
        let isDisabled = desk.membership.member.status == .disabled
        let state = SpaceState(desk, account: nil, grace: parts.site.pastDueGrace)
        let badge =
            isDisabled ? desk.badge("status", "disabled", "bad") : state.badge(words)
        return badge.with([
            "name": .string(desk.workspace.displayName), "path": .string(desk.path),
            "role_html": .string(words.html("space.role.\(desk.role.rawValue)")),
            "left": .string(space.credits.remaining.spoken), "is_disabled": .bool(isDisabled),
        ])
    }

    func submit(
        _ form: NewWorkspaceRequest, _ cursor: UUID?, _ visit: Visit
    ) async throws -> Submitted {
        let reply = try await parts.workspaces.create.perform(form, visit.call)
        guard let made = reply.output else { throw Problem.internalError }
        return Submitted(
            "\(WorkspacePageParts.root)/\(made.membership.workspace.id.text)",
            notice: "space_made")
    }
}

/// Gives the visitor their personal workspace.
struct ActivateButton: FormPage {
    let parts: WorkspacePageParts

    static let about = SpacesPage.about

    func read(_ input: inout InputReader) {}

    func read(form: inout InputReader) {}

    func view(_ input: Void, _ visit: Visit) async throws -> PageView {
        guard visit.attempt != nil else { return PageView(.redirect(WorkspacePageParts.root)) }
        return try await SpacesPage(parts: parts).view(nil, visit.atOtherForm)
    }

    func submit(_ form: Void, _ input: Void, _ visit: Visit) async throws -> Submitted {
        let reply = try await parts.workspaces.activate.perform((), visit.call)
        guard let made = reply.output else { throw Problem.internalError }
        return Submitted(
            "\(WorkspacePageParts.root)/\(made.membership.workspace.id.text)",
            notice: "space_activated")
    }
}
