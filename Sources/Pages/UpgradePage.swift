import Billing
import FoundationEssentials
import HTTPEndpoint
import JSON
import Ledger
import PageFrame
import Subscriptions
import Values

/// Shows what an upgrade costs, to the cent, before the button that charges just that.
struct UpgradePage: FormPage {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("upgrade", access: .user)

    struct Form: JSONInput {
        let request: CareerUpgradeRequest
        /// The instant of the price that was shown, in seconds since 1970.
        let shownAt: Int64

        static let about = "The plan, and the price that was agreed to."

        init(_ reader: inout ObjectReader) {
            request = CareerUpgradeRequest(&reader)
            shownAt = reader.required(
                "shown_at", .integer(Timestamp.rangeOfSeconds), "Of the price that was shown.")
        }
    }

    func read(_ input: inout InputReader) -> UUID? {
        input.query("plan_id", .uuid, "The plan to upgrade to.")
    }

    func read(form: inout InputReader) -> Form { form.body(Form.self) }

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
        var values = PageForm(words, []).values(visit)
        values["preview"] = .object(try await shown(preview, visit))
        values["heading_html"] = .string(
            words.html("upgrade.heading", ["plan": preview.newPlan.name]))
        return PageView(values)
    }

    /// There is no price to show: the page says why.
    private func refused(
        _ planID: UUID, _ visit: Visit, _ problem: Problem
    ) async throws -> PageView {
        var visit = visit
        if visit.attempt == nil { visit.attempt = Visit.Attempt(typed: [:], problem: problem) }
        let name = try await parts.career.currentCatalog().plan(planID)?.name ?? ""
        var view = PageView(
            PageForm(words, []).values(visit).with([
                "preview": .null,
                "heading_html": .string(words.html("upgrade.heading", ["plan": name])),
            ]))
        view.status = problem.status
        return view
    }

    private func shown(
        _ preview: CareerUpgradePreviewResponse, _ visit: Visit
    ) async throws -> JSONObject {
        let now = parts.now
        let spoken = Spoken(words: words, zone: visit.zone)
        let new = preview.newPlan
        let end = spoken.day(preview.billingPeriodEnd, now: now)
        let isFree = preview.due.amount == 0
        let found = try await parts.career.subscription(of: visit.call.user().userID)
        let isTrial = found?.account.subscription.status == .trialing
        let until = Timestamp(seconds: preview.prorationDate + UpgradePreviews.lifetime) ?? now
        return [
            "plan_id": .string(new.id.text), "shown_at": .int(preview.prorationDate),
            "due": .string(preview.due.spoken),
            "then_html": .string(
                words.html(
                    isTrial ? "upgrade.then.trial" : "upgrade.then.text",
                    ["price": new.price.spoken, "when": end])),
            "credits_html": .string(
                words.html(
                    "upgrade.credits.text", ["credits": new.pricing.creditsAllocation.spoken])),
            "explain_html": .string(
                words.html("upgrade.explain", ["current": preview.currentPlan.name, "when": end])),
            "coupons": .array(
                preview.discounts.map { .string($0.sentence(spoken, now: now)) }),
            "button_html": .string(
                words.html(
                    isFree ? "upgrade.button.free" : "upgrade.button",
                    ["due": preview.due.spoken])),
            "until_html": .string(
                words.html("upgrade.until", ["when": spoken.instant(until, now: now)])),
        ]
    }

    func submit(_ form: Form, _ planID: UUID?, _ visit: Visit) async throws -> Submitted {
        _ = try await UpgradePlan(billing: parts.career.billing).perform(
            form.request, visit.call, agreedAt: form.shownAt)
        return Submitted("/account/plan", notice: "upgraded")
    }
}
