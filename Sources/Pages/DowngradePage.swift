import Billing
import FoundationEssentials
import HTTPEndpoint
import JSON
import Ledger
import PageFrame
import Subscriptions
import Values

/// Asks once more before a lower plan is to follow, and says when it begins and what it costs.
struct DowngradePage: MovePage {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("downgrade", access: .user)

    static let content = "step"
    static let heading = "downgrade.question"

    func read(form: inout InputReader) {}

    func shown(
        _ preview: CareerUpgradePreviewResponse, _ visit: Visit
    ) async throws -> PageView {
        guard preview.newPlan.kind == .paid, preview.isLower else {
            return PageView(.redirect("/account/plan"))
        }
        let step = try await step(preview, visit)
        return PageView(
            PageForm(words, []).values(visit).with(["step": .object(step.values(visit))]))
    }

    private func step(
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
