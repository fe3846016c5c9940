import FoundationEssentials
import HTTPEndpoint
import JSON
import PageFrame
import Pages
import UsageReports
import Values
import WorkspaceAccounts
import Workspaces

/// Why a call of a workspace cost what it cost.
struct SpaceCallPage: SpacePage {
    typealias Shown = ExplainWorkspaceUsage

    let parts: WorkspacePageParts

    static let about = AboutPage.space("space_call")

    func read(_ input: inout InputReader) -> SpaceAddress {
        SpaceAddress(&input, item: "usage_id")
    }

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let reply = try await parts.accounts.explain.perform(
            .init(workspace: desk.id, usage: address.item), desk.visit.call)
        guard let call = reply.output?.told.call else { throw Problem.notFound }
        let view = CallView(
            words: words, spoken: desk.spoken, now: desk.now, root: desk.path + "/usage")
        var values = view.values(call)
        if let caller = call.log.caller {
            let names = try await parts.workspaces.keyNames(
                [caller.keyID], of: desk.id, by: desk.visit.call)
            let name = (names[caller.keyID] ?? caller.keyID.text).escapedForHTML
            values["facts"] = .array(
                (values["facts"]?.array ?? []) + [
                    desk.fact(
                        "key", caller.isTest ? "\(name) (\(words.html("keys.test")))" : name)
                ])
        }
        return PageView(desk.values("usage", values))
    }
}
