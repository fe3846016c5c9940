import Billing
import FoundationEssentials
import HTTPEndpoint
import JSON
import Ledger
import PageFrame
import Subscriptions
import Values

/// Asks once more before a lower plan is to follow, and says when it begins and what it costs.
struct DowngradePage: FormPage {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("downgrade", access: .user)

    func read(_ input: inout InputReader) -> UUID? {
        input.query("plan_id", .uuid, "The plan to move to.")
    }

    func read(form: inout InputReader) {}

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
        guard preview.newPlan.kind == .paid, preview.isLower else {
            return PageView(.redirect("/account/plan"))
        }
        let step = try await shown(preview, visit)
        return PageView(
            PageForm(words, []).values(visit).with(["step": .object(step.values(visit))]))
    }

    private func shown(
        _ preview: CareerUpgradePreviewResponse, _ visit: Visit
    ) async throws -> ConfirmStep {
        let now = parts.now
        let new = preview.newPlan
        let found = try await parts.career.subscription(of: visit.call.user().userID)
        let isTrial = found?.account.subscription.status == .trialing
        var step = ConfirmStep(
            words, "downgrade", action: "/account/plan/downgrade?plan_id=\(new.id.text)",
            back: "/account/plan")
        step.values = [
            "current": preview.currentPlan.name, "plan": new.name, "price": new.price.spoken,
            "credits": new.pricing.creditsAllocation.spoken,
            "when": Spoken(words: words, zone: visit.zone).day(preview.effectiveAt, now: now),
        ]
        let keys = ["downgrade.until", isTrial ? "downgrade.then.trial" : "downgrade.then"]
        step.facts =
            (keys + ["downgrade.now"]).map { words.html($0, step.values) }
            + preview.discounts.map {
                $0.sentence(Spoken(words: words, zone: visit.zone), now: now)
            }
        return step
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
                "step": .null,
                "heading_html": .string(words.html("downgrade.question", ["plan": name])),
            ]))
        view.status = problem.status
        return view
    }

    func submit(_ form: Void, _ planID: UUID?, _ visit: Visit) async throws -> Submitted {
        guard let planID else { return Submitted("/account/plan") }
        _ = try await DowngradePlan(billing: parts.career.billing).perform(
            CareerDowngradeRequest(newPlanID: planID), visit.call)
        return Submitted("/account/plan", notice: "lowered")
    }
}

extension Discount {
    /// That it goes on, and until when.
    func sentence(_ spoken: Spoken, now: Timestamp) -> String {
        guard let endsAt else { return spoken.words.html("coupon.on", ["name": name]) }
        return spoken.words.html(
            "coupon.until", ["name": name, "when": spoken.day(endsAt, now: now)])
    }
}
