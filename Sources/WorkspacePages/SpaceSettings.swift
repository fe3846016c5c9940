import FoundationEssentials
import HTTPEndpoint
import JSON
import PageFrame
import WorkspaceBilling
import Workspaces

/// What a workspace is called; its end.
struct SpaceSettingsPage: SpacePage, FormPage {
    typealias Shown = UpdateWorkspace

    let parts: WorkspacePageParts

    static let about = AboutPage.space("space_settings")

    func read(form: inout InputReader) -> WorkspaceChangeRequest {
        form.body(WorkspaceChangeRequest.self)
    }

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let form = PageForm(
            words,
            [
                FormField("display_name", .text(autocomplete: "organization")),
                FormField("slug", .text(autocomplete: "off")),
                FormField("description", .note, isNeeded: false),
            ])
        let workspace = desk.workspace
        return PageView(
            desk.values(
                "settings",
                form.values(
                    desk.visit,
                    [
                        "display_name": workspace.displayName, "slug": workspace.slug,
                        "description": workspace.description ?? "",
                    ])
            ).with(["can_delete": .bool(desk.role == .owner && !workspace.isPersonal)]))
    }

    func submit(
        _ form: WorkspaceChangeRequest, _ address: SpaceAddress, _ visit: Visit
    ) async throws -> Submitted {
        let id = try address.workspace
        try Problem.requireFilled(["display_name": form.name, "slug": form.slug])
        _ = try await parts.workspaces.update.perform((id, form), visit.call)
        return Submitted("\(WorkspacePageParts.root)/\(id.text)/settings", notice: "saved")
    }
}

struct DeleteSpacePage: SpacePage, FormPage {
    typealias Shown = DeleteWorkspace

    let parts: WorkspacePageParts

    static let about = AboutPage.space("space_confirm")

    func read(form: inout InputReader) {}

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        desk.confirm(
            "delete", action: desk.path + "/delete", back: desk.path + "/settings",
            facts: ["keys", "members", "kept"])
    }

    func submit(_ form: Void, _ address: SpaceAddress, _ visit: Visit) async throws -> Submitted {
        _ = try await parts.billing.delete.perform(address.workspace, visit.call)
        return Submitted(WorkspacePageParts.root, notice: "space_deleted")
    }
}
