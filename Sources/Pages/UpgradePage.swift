import Billing
import FoundationEssentials
import HTTPEndpoint
import JSON
import Ledger
import PageFrame
import Subscriptions
import Values

/// Shows what an upgrade costs, to the cent, before the button that charges just that.
struct UpgradePage: MovePage {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("upgrade", access: .user)
    static let content = "preview"
    static let heading = "upgrade.heading"

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

    func read(form: inout InputReader) -> Form { form.body(Form.self) }

    func shown(
        _ preview: CareerUpgradePreviewResponse, _ visit: Visit
    ) async throws -> PageView {
        var values = PageForm(words, []).values(visit)
        values["preview"] = .object(try await price(preview, visit))
        values["heading_html"] = .string(
            words.html("upgrade.heading", ["plan": preview.newPlan.name]))
        return PageView(values)
    }

    private func price(
        _ preview: CareerUpgradePreviewResponse, _ visit: Visit
    ) async throws -> JSONObject {
        let now = parts.now
        let spoken = Spoken(words: words, zone: visit.zone)
        let new = preview.newPlan
        let end = spoken.day(preview.billingPeriodEnd, now: now)
        let isFree = preview.due.amount == 0
        let found = try await parts.career.subscription(of: visit.call.user().userID)
        let isTrial = found?.account.subscription.status == .trialing
        let isNewYear = preview.currentPlan.interval != new.interval && !isTrial
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
                    isNewYear ? "upgrade.credits.year" : "upgrade.credits.text",
                    ["credits": new.pricing.creditsAllocation.spoken])),
            "explain_html": .string(
                words.html(
                    isNewYear ? "upgrade.explain.year" : "upgrade.explain",
                    ["current": preview.currentPlan.name, "when": end])),
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
