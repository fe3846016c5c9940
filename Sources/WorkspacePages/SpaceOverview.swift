import FoundationEssentials
import HTTPEndpoint
import JSON
import PageFrame
import Pages
import UsageReports
import Values
import WorkspaceAccounts
import Workspaces

/// Where a workspace stands: its subscription, credits and seats.
struct SpaceOverview: SpacePage {
    typealias Shown = GetWorkspace

    let parts: WorkspacePageParts

    static let about = AboutPage.space("space")

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let now = try await parts.standing(at: desk)
        let account = now.account
        let state = SpaceState(desk, account: account, grace: parts.site.pastDueGrace)
        var credits: JSONValue = .null
        // What a frozen team was granted can be used no more.
        if let account, desk.workspace.frozenAt == nil {
            credits = [
                "left": .string(desk.space.credits.remaining.spoken),
                "of_html": .string(
                    words.html(
                        "account.of", ["all": desk.space.credits.allocated.spoken])),
                "meter": UsageCharts(words: words).meter(account.context),
                "period_html": .string(
                    words.html(
                        "space.period",
                        ["when": desk.spoken.day(account.context.period.end, now: desk.now)])),
            ]
        }
        return PageView(
            desk.values(
                "overview",
                [
                    "state": .object(
                        state.values(desk, now, support: parts.site.brand.supportEmail)),
                    "credits": credits, "facts": .array(facts(desk)),
                    "client": [
                        "id": "client_id", "value": .string(desk.workspace.clientID),
                        "label_html": .string(words.html("space.client")),
                        "hint_html": .string(words.html("space.client.text")),
                    ],
                    "can_leave": .bool(desk.role != .owner),
                ]))
    }

    private func facts(_ desk: SpaceDesk) -> [JSONValue] {
        var facts = [
            desk.fact("role", words.html("space.role.\(desk.role.rawValue)"))
        ]
        if !desk.workspace.isPersonal { facts.append(desk.fact("seats", desk.seats)) }
        if let description = desk.workspace.description, !description.isEmpty {
            facts.append(desk.fact("description", description.escapedForHTML))
        }
        facts.append(
            desk.fact("made", desk.spoken.day(desk.workspace.createdAt, now: desk.now)))
        return facts
    }
}
