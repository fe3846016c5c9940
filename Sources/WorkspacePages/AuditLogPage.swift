import FoundationEssentials
import HTTPEndpoint
import JSON
import PageFrame
import WorkspaceAuditLog
import Workspaces

/// Who did what in a workspace, and when.
struct AuditLogPage: SpacePage {
    typealias Shown = ListWorkspaceAudit

    /// Bytes of HTML that a name and a state take of a line; what is longer is cut.
    private static let maximumName = 120
    private static let maximumState = 240

    let parts: WorkspacePageParts

    static let about = AboutPage.space("audit")

    func read(_ input: inout InputReader) -> SpaceAddress {
        SpaceAddress(&input, hasPages: true)
    }

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let reply = try await parts.workspaces.listAudit.perform(
            desk.page(address.cursor), desk.visit.call)
        let lines = reply.output?.items.map(\.line) ?? []
        let people = Set(lines.flatMap { [$0.actor, $0.target] }.compactMap { $0 })
        let members = try await parts.workspaces.members(
            people.compactMap { UUID(text: $0) }, of: desk.id, by: desk.visit.call)
        let names = Dictionary(
            members.map { ($0.member.userID.text, $0.shownName) }, uniquingKeysWith: { $1 })
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
            if others.contains(id) { return words.html("space.actor.\(id)") }
            return (names[id] ?? id).beginning(inHTML: Self.maximumName).escapedForHTML
        }
        let about = line.target.flatMap { target in
            target == desk.id.text || target == line.actor
                ? nil : names[target]?.beginning(inHTML: Self.maximumName)
        }
        let changes = [line.before, line.after].map {
            ($0 ?? "").beginning(inHTML: Self.maximumState)
        }
        return [
            "when_html": .string(desk.spoken.instant(line.at, now: desk.now)),
            "who_html": .string(who(line.actor)),
            "act_html": .string(words.html("space.done.\(line.act.rawValue)")),
            "about": .text(about), "before": .string(changes[0]), "after": .string(changes[1]),
            "has_change": .bool(changes != ["", ""]),
        ]
    }
}

extension String {
    /// Its first characters, in at most so many bytes of HTML; cut off where there are more.
    fileprivate func beginning(inHTML maximum: Int) -> String {
        var (kept, size) = ("", 0)
        for character in self {
            size += String(character).escapedForHTML.utf8.count
            guard size <= maximum else { return kept + "…" }
            kept.append(character)
        }
        return kept
    }
}
