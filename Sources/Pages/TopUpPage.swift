import Career
import FoundationEssentials
import HTTPEndpoint
import JSON
import Ledger
import PageFrame
import TopUps
import Values

/// A pack that is bought by itself when credits run low: what is agreed to, and how it stands.
struct TopUpPage: FormPage {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("top_up", access: .user)

    func read(_ input: inout InputReader) {}

    func read(form: inout InputReader) -> AutoTopUpRequest {
        form.body(TopUpForm.self).request
    }

    func view(_ input: Void, _ visit: Visit) async throws -> PageView {
        let user = try visit.call.user().userID
        let state = try await parts.career.topUps.state(of: user)
        let packs = try await parts.career.currentCatalog().packs.filter(\.isActive)
        let choices = packs.map { pack in
            let text = words.html(
                "top_up.pack", ["pack": pack.name, "price": pack.price.spoken])
            return (value: pack.id.text, text: text)
        }
        let times = TopUpConsent.maximums.map { (value: String($0), text: String($0)) }
        let form = PageForm(
            words,
            [
                FormField("pack_id", .choice(choices)), FormField("below", .amount),
                FormField("monthly_maximum", .choice(times)),
                FormField("current_password", .password, isNeeded: false),
            ])
        let values = form.values(
            visit,
            [
                "pack_id": state?.consent.terms.packID.text ?? packs.first?.id.text ?? "",
                "below": state?.consent.below.decimal ?? "",
                "monthly_maximum": String(state?.consent.monthlyMaximum ?? 1),
            ])
        return PageView(
            values.with([
                "state_html": .string(sentence(on: state, visit)),
                "is_on": .bool(state?.isOn ?? false),
                "has_packs": .bool(!packs.isEmpty),
                "save_html": .string(
                    words.html(state?.isOn == true ? "top_up.save" : "top_up.start")),
            ]))
    }

    private func sentence(on state: TopUpState?, _ visit: Visit) -> String {
        guard let state else { return words.html("top_up.never") }
        if let off = state.off { return words.html("top_up.off.\(off.reason.rawValue)") }
        let consent = state.consent
        let told = words.html(
            "top_up.on",
            [
                "pack": consent.terms.packName, "price": consent.terms.price.spoken,
                "below": consent.below.spoken, "maximum": String(consent.monthlyMaximum),
                "bought": String(state.paidThisMonth),
            ])
        guard let next = state.outage?.nextTryAt else { return told }
        let when = Spoken(words: words, zone: visit.zone).instant(next, now: parts.now)
        return told + " " + words.html("top_up.failing", ["when": when])
    }

    func submit(
        _ form: AutoTopUpRequest, _ input: Void, _ visit: Visit
    ) async throws -> Submitted {
        _ = try await parts.career.putAutoTopUp.perform(form, visit.call)
        return Submitted("/account/credits/auto", notice: "top_up_on")
    }
}

/// What the page's form sends: all of it as texts.
private struct TopUpForm: JSONInput {
    let request: AutoTopUpRequest

    static let about = "What is to be bought, and when."

    init(_ reader: inout ObjectReader) {
        let pack = reader.required("pack_id", .uuid, "A pack that is sold.")
        let below = reader.required("below", .someCredits, "With less than this left.")
        let maximum = reader.required(
            "monthly_maximum",
            InputKind<String>.text(1...2)
                .satisfying("integer", "must be a whole number from 1 to 10") {
                    Int64($0).map { TopUpConsent.maximums.contains($0) } ?? false
                }
                .map(placeholder: 1) { Int64($0) ?? 1 }, "How often in a month.")
        let password = reader.optional(
            "current_password", InputKind<String>.text(0...128), "Proves who asks.")
        request = AutoTopUpRequest(
            packID: pack, below: below, monthlyMaximum: maximum, isEnabled: true,
            currentPassword: password.flatMap { $0.isEmpty ? nil : $0 })
    }
}

struct EndTopUpButton: FormPage {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("top_up", access: .user)

    func read(_ input: inout InputReader) {}

    func read(form: inout InputReader) {}

    func view(_ input: Void, _ visit: Visit) async throws -> PageView {
        guard visit.attempt != nil else { return PageView(.redirect("/account/credits/auto")) }
        return try await TopUpPage(parts: parts, words: words).view((), visit.atOtherForm)
    }

    func submit(_ form: Void, _ input: Void, _ visit: Visit) async throws -> Submitted {
        let user = try visit.call.user().userID
        if let state = try await parts.career.topUps.state(of: user), state.isOn {
            _ = try await parts.career.putAutoTopUp.perform(
                AutoTopUpRequest(
                    packID: state.consent.terms.packID, below: state.consent.below,
                    monthlyMaximum: state.consent.monthlyMaximum, isEnabled: false,
                    currentPassword: nil), visit.call)
        }
        return Submitted("/account/credits/auto", notice: "top_up_off")
    }
}
