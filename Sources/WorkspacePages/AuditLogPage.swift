import FoundationEssentials
import HTTPEndpoint
import JSON
import PageFrame
import WorkspaceAuditLog
import Workspaces

/// Who did what in a workspace, and when.
struct AuditLogPage: SpacePage {
    typealias Shown = ListWorkspaceAudit

    /// Members whose names stand in the place of their ids.
    private static let maximumNames: Int64 = 100

    let parts: WorkspacePageParts

    static let about = AboutPage.space("audit")

    func read(_ input: inout InputReader) -> SpaceAddress {
        SpaceAddress(&input, hasPages: true)
    }

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let reply = try await parts.workspaces.listAudit.perform(
            desk.page(address.cursor), desk.visit.call)
        let members = try await parts.workspaces.listMembers.perform(
            desk.page(nil, limit: Self.maximumNames), desk.visit.call)
        let names = Dictionary(
            (members.output?.items ?? []).map { ($0.member.userID.text, $0.shownName) },
            uniquingKeysWith: { $1 })
        let lines = reply.output?.items.map(\.line) ?? []
        return PageView(
            desk.values(
                "audit",
                [
                    "has_lines": .bool(!lines.isEmpty),
                    "lines": .array(lines.map { .object(row($0, names, desk)) }),
                ]
            ).with(
                desk.pager(desk.path + "/audit", address.cursor, next: reply.output?.nextCursor)))
    }

    private func row(
        _ line: AuditLine, _ names: [String: String], _ desk: SpaceDesk
    ) -> JSONObject {
        let others = [AuditLine.byOperator, AuditLine.bySubscription, AuditLine.erased]
        func who(_ id: String) -> String {
            others.contains(id)
                ? words.html("space.actor.\(id)") : (names[id] ?? id).escapedForHTML
        }
        let about = line.target.flatMap { target in
            target == desk.id.text || target == line.actor ? nil : names[target]
        }
        let changes = [line.before, line.after].map { $0 ?? "" }
        return [
            "when_html": .string(desk.spoken.instant(line.at, now: desk.now)),
            "who_html": .string(who(line.actor)),
            "act_html": .string(words.html("space.done.\(line.act.rawValue)")),
            "about": .text(about), "before": .string(changes[0]), "after": .string(changes[1]),
            "has_change": .bool(changes != ["", ""]),
        ]
    }
}
