import Billing
import FoundationEssentials
import HTTPEndpoint
import JSON
import Ledger
import PageFrame
import Subscriptions
import Values

/// The plan, what happens to it and when, and the others.
struct PlanPage: Page {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("plan", access: .user)

    func read(_ input: inout InputReader) -> Bool {
        input.query("arriving", .text(1...1), "Whether a payment is on its way.") != nil
    }

    func view(_ isArriving: Bool, _ visit: Visit) async throws -> PageView {
        PageView(
            try await PlanOverview(parts: parts, words: words).values(
                visit, isArriving: isArriving))
    }
}

/// What the plan's page shows, also where one of its buttons was refused.
struct PlanOverview: Sendable {
    let parts: PageParts
    let words: Words

    func values(_ visit: Visit, isArriving: Bool = false) async throws -> JSONObject {
        let now = parts.now
        let catalog = try await parts.career.currentCatalog()
        let plans = catalog.plans.filter(\.isActive)
        let form = PageForm(words, []).values(visit).with([
            "is_of_one_kind": .bool(Set(plans.map(\.interval)).count == 1)
        ])
        guard
            let (account, plan) = try await parts.career.subscription(of: visit.call.user().userID)
        else {
            return form.with([
                "state": [
                    "tone": "warn", "badge_html": .string(words.html("badge.none")),
                    "plan_name": "", "text_html": .string(words.html("state.none")),
                    "post": "/account/plan/activate", "href": .null,
                    "label_html": .string(words.html("act.activate")), "can_bill": false,
                    "can_cancel": false,
                ],
                "plans": PlanCards(words: words, now: now).values(plans, .stranger),
            ])
        }
        let standing = SubscriptionState(account, now: now, grace: parts.site.pastDueGrace)
        let isBought = account.subscription.stripeSubscriptionID != nil
        let next = account.subscription.scheduled.flatMap { catalog.plan($0.planID) }
        var state = standing.values(
            plan, next: next, Spoken(words: words, zone: visit.zone), now: now)
        if isArriving && !isBought {
            state["text_html"] = .string(words.html("state.arriving"))
            state["badge_html"] = .string(words.html("badge.arriving"))
            state["tone"] = "wait"
            state["href"] = "/account/plan"
            state["label_html"] = .string(words.html("act.look"))
        }
        state["can_bill"] = .bool(
            account.subscription.stripeCustomerID != nil
                && standing.act?.post != "/account/plan/billing")
        state["can_cancel"] = .bool(standing.canCancel)
        return form.with([
            "state": .object(state),
            "plans": PlanCards(words: words, now: now, zone: visit.zone).values(
                plans, .user(account, plan)),
        ])
    }
}

/// A button of the plan's page.
protocol PlanButton: OverviewForm {}

extension PlanButton {
    static var about: AboutPage { AboutPage("plan", access: .user) }
    static var place: String { "/account/plan" }

    func overview(_ visit: Visit) async throws -> JSONObject {
        try await PlanOverview(parts: parts, words: words).values(visit)
    }
}

/// Leads to the payment provider's page on which a plan is bought.
struct CheckoutButton: PlanButton {
    let parts: PageParts
    let words: Words

    struct Form: JSONInput {
        let planID: UUID

        static let about = "The plan to buy."

        init(_ reader: inout ObjectReader) {
            planID = reader.required("plan_id", .uuid, "A paid plan.")
        }
    }

    func read(form: inout InputReader) -> Form { form.body(Form.self) }

    func submit(_ form: Form, _ input: Void, _ visit: Visit) async throws -> Submitted {
        let ways = parts.site.ways(from: "/account/plan")
        let reply = try await StartCheckout(billing: parts.career.billing).perform(
            CareerCheckoutRequest(
                planID: form.planID, successURL: ways.success, cancelURL: ways.cancel),
            visit.call)
        return try Submitted(leavingTo: reply.output?.checkoutURL)
    }
}

struct PaidPage: CheckoutReturn {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("plan", access: .user)
    static let place = "/account/plan"
    static let notice = "paid"

    func isThere(_ session: String, _ user: UUID, _ visit: Visit) async throws -> Bool {
        try await parts.career.billing.returned(
            from: session, user: user, requestID: visit.call.id)
    }
}

/// Leads to the payment provider's page for cards and invoices.
struct BillingButton: PlanButton {
    let parts: PageParts
    let words: Words

    func submit(_ form: Void, _ input: Void, _ visit: Visit) async throws -> Submitted {
        let reply = try await OpenPortal(
            billing: parts.career.billing, returnURL: parts.site.publicURL + "/account/plan"
        ).perform((), visit.call)
        return try Submitted(leavingTo: reply.output?.url)
    }
}

struct ResumeButton: PlanButton {
    let parts: PageParts
    let words: Words

    func submit(_ form: Void, _ input: Void, _ visit: Visit) async throws -> Submitted {
        _ = try await ResumeSubscription(billing: parts.career.billing).perform((), visit.call)
        return Submitted("/account/plan", notice: "resumed")
    }
}

struct ActivateButton: PlanButton {
    let parts: PageParts
    let words: Words

    func submit(_ form: Void, _ input: Void, _ visit: Visit) async throws -> Submitted {
        _ = try await ActivateSubscription(subscriptions: parts.career.subscriptions).perform(
            (), visit.call)
        return Submitted("/account", notice: "activated")
    }
}

/// Asks once more before a plan is canceled, and says what that means.
struct CancelPage: FormPage {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("cancel", access: .user)

    func view(_ input: Void, _ visit: Visit) async throws -> PageView {
        let now = parts.now
        let found = try await parts.career.subscription(of: visit.call.user().userID)
        guard let (account, plan) = found,
            SubscriptionState(account, now: now, grace: parts.site.pastDueGrace).canCancel
                || visit.attempt != nil
        else { return PageView(.redirect("/account/plan")) }
        var step = ConfirmStep(
            words, "cancel", action: "/account/plan/cancel", back: "/account/plan")
        let end =
            account.subscription.trialEnd.flatMap { $0 > now ? $0 : nil }
            ?? account.context.paidUntil
        step.values = [
            "plan": plan.name, "when": Spoken(words: words, zone: visit.zone).day(end, now: now),
        ]
        step.facts = ["cancel.until", "cancel.after"].map { words.html($0, step.values) }
        step.isDanger = true
        return PageView(step.values(visit))
    }

    func submit(_ form: Void, _ input: Void, _ visit: Visit) async throws -> Submitted {
        _ = try await parts.career.cancelSubscription.perform(
            CareerCancelRequest(cancelAtPeriodEnd: true), visit.call)
        return Submitted("/account/plan", notice: "canceled")
    }
}
