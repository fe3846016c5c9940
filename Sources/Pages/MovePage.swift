import Billing
import FoundationEssentials
import HTTPEndpoint
import JSON
import PageFrame
import Subscriptions

/// A page that asks before the user moves to another plan. Its address names the plan.
protocol MovePage: FormPage where Input == UUID? {
    var parts: PageParts { get }
    var words: Words { get }
    /// The member of the page's values that is there only if there is something to agree to.
    static var content: String { get }
    /// The words of the heading, which name the plan.
    static var heading: String { get }

    /// What there is to agree to.
    func shown(
        _ preview: CareerUpgradePreviewResponse, _ visit: Visit
    ) async throws -> PageView
}

extension MovePage {
    func read(_ input: inout InputReader) -> UUID? {
        input.query("plan_id", .uuid, "The plan to move to.")
    }

    func view(_ planID: UUID?, _ visit: Visit) async throws -> PageView {
        guard let planID else { return PageView(.redirect("/account/plan")) }
        let preview: CareerUpgradePreviewResponse
        do {
            let reply = try await PreviewUpgrade(billing: parts.career.billing).perform(
                CareerUpgradePreviewRequest(newPlanID: planID), visit.call)
            guard let output = reply.output else { throw Problem.internalError }
            preview = output
        } catch let problem as Problem where problem.status < 500 {
            return try await refused(planID, visit, problem)
        }
        return try await shown(preview, visit)
    }

    /// There is nothing to agree to: the page says why.
    private func refused(
        _ planID: UUID, _ visit: Visit, _ problem: Problem
    ) async throws -> PageView {
        var visit = visit
        if visit.attempt == nil { visit.attempt = Visit.Attempt(typed: [:], problem: problem) }
        let name = try await parts.career.currentCatalog().plan(planID)?.name ?? ""
        var view = PageView(
            PageForm(words, []).values(visit).with([
                Self.content: .null,
                "heading_html": .string(words.html(Self.heading, ["plan": name])),
            ]))
        view.status = problem.status
        return view
    }
}
