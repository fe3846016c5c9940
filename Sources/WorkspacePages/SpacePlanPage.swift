import Billing
import FoundationEssentials
import HTTPEndpoint
import JSON
import Ledger
import PageFrame
import Pages
import Subscriptions
import Values
import WorkspaceAccounts
import WorkspaceBilling
import WorkspaceSeats
import Workspaces

/// What a workspace pays for, what happens to it and when, its seats and the other plans. A member
/// reads it, an admin buys, the owner ends it.
struct SpacePlanPage: SpacePage {
    typealias Shown = GetWorkspaceSubscription

    let parts: WorkspacePageParts

    static let about = AboutPage.space("space_plan")

    func read(_ input: inout InputReader) -> SpaceAddress {
        SpaceAddress(&input, texts: ["arriving": "Whether a payment is on its way."])
    }

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let now = try await parts.standing(at: desk)
        let state = SpacePlanState(
            desk, now, parts.site, isArriving: address["arriving"] != nil)
        let form = PageForm(words, [FormField("seat_count", .number)])
        let seats = desk.workspace.subscription
        return PageView(
            desk.values(
                "plan",
                form.values(
                    desk.visit,
                    ["seat_count": String(seats.pendingSeatCount ?? max(seats.seatCount, 1))])
            ).with([
                "state": .object(state.values),
                "has_seats": .bool(state.canChangeSeats),
                "seats_html": .string(desk.seats),
                "waiting_html": .text(try await waiting(desk)),
                "plans": try await plans(desk, now, state),
                "is_personal": .bool(desk.workspace.isPersonal),
            ]))
    }

    /// That members wait for a seat which is free; `nil` if none does, or for whom it is no matter.
    private func waiting(_ desk: SpaceDesk) async throws -> String? {
        let (workspace, enabled) = (desk.workspace, desk.space.enabled)
        guard desk.role == .owner, !workspace.isPersonal, workspace.refusalToAdd == nil,
            workspace.subscription.available(beside: enabled) > 0
        else { return nil }
        let waiting =
            try await parts.workspaces.memberCount(of: desk.id, by: desk.visit.call)
            - enabled
        return waiting > 0
            ? words.html(
                waiting == 1 ? "space.plan.waiting.one" : "space.plan.waiting",
                ["count": String(waiting)]) : nil
    }

    private func plans(
        _ desk: SpaceDesk, _ now: SpaceStanding, _ state: SpacePlanState
    ) async throws -> JSONValue {
        let isTeam = !desk.workspace.isPersonal
        let plans = try await parts.plans().filter {
            $0.isActive && !(isTeam && $0.kind == .free)
        }
        var trials: [UUID: Int64] = [:]
        for plan in plans where desk.isAdmin {
            trials[plan.id] = try await parts.billing.trialDays(of: plan, for: desk.workspace)
        }
        let cards = PlanCards(words: words, now: parts.now, zone: desk.visit.zone)
        let choices = SpacePlanChoices(desk: desk, now: now, cards: cards, trials: trials)
        return cards.values(plans) { choices.values($0) }
    }
}

/// What a workspace's account says, and the plan that it is on.
struct SpaceStanding: Sendable {
    let account: Account?
    let plan: Plan?
    /// The lower plan that follows.
    let next: Plan?

    /// Whether Stripe bills for it.
    var isBilled: Bool { account?.subscription.stripeSubscriptionID != nil }
}

extension WorkspacePageParts {
    /// All plans of the API product, in their order.
    func plans() async throws -> [Plan] {
        try await billing.billing.catalog.current(in: billing.billing.database).plans
    }

    func standing(at desk: SpaceDesk) async throws -> SpaceStanding {
        let account = try await accounts.standing(of: desk.id)?.account
        let plans = try await plans()
        return SpaceStanding(
            account: account,
            plan: plans.first { $0.id == account?.subscription.planID },
            next: plans.first { $0.id == account?.subscription.scheduled?.planID })
    }
}

/// Leads to the payment provider's page for a workspace's cards, invoices and address.
struct SpaceBillingButton: SpaceButton {
    let parts: WorkspacePageParts

    var owner: SpacePlanPage { SpacePlanPage(parts: parts) }

    func place(_ address: SpaceAddress) -> String { "/plan" }

    func submit(_ form: Void, _ address: SpaceAddress, _ visit: Visit) async throws -> Submitted {
        let id = try await parts.admit(to: OpenWorkspacePortal.self, address, visit)
        let back = parts.site.publicURL + WorkspacePageParts.root + "/\(id.text)/plan"
        let reply = try await parts.billing.portal(backTo: back).perform(id, visit.call)
        return try Submitted(leavingTo: reply.output?.url)
    }
}

/// Takes back a cancellation, or a lower plan that was to follow.
struct SpaceResumeButton: SpaceButton {
    let parts: WorkspacePageParts

    var owner: SpacePlanPage { SpacePlanPage(parts: parts) }

    func place(_ address: SpaceAddress) -> String { "/plan" }

    func submit(_ form: Void, _ address: SpaceAddress, _ visit: Visit) async throws -> Submitted {
        let id = try await parts.admit(to: ResumeWorkspaceSubscription.self, address, visit)
        _ = try await parts.billing.resume.perform(id, visit.call)
        return try back(address, notice: "space_resumed")
    }
}

/// Where the payment provider leads back to: the plan's page, which tells whether the payment is
/// there, at an address that a reload does not repeat.
struct SpacePaidPage: SpacePage {
    typealias Shown = GetWorkspaceSubscription

    let parts: WorkspacePageParts

    static let about = SpacePlanPage.about

    func read(_ input: inout InputReader) -> SpaceAddress {
        SpaceAddress(&input, texts: ["session": "The checkout's id."])
    }

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let place = desk.path + "/plan"
        guard let session = address["session"], !session.isEmpty else {
            return PageView(.redirect(place))
        }
        let billing = parts.billing.billing
        // A workspace that has never begun to buy has no account: the session is another's.
        let hasBegun = try await billing.subscriptions.subscription(of: desk.id) != nil
        let isThere =
            hasBegun
            ? try await billing.returned(
                from: session, user: desk.id, requestID: desk.visit.call.id) : false
        return PageView(
            isThere
                ? .redirect(place, notice: "space_paid") : .redirect(place + "?arriving=1"))
    }
}

/// Asks once more before a workspace's plan is canceled, and says what that means.
struct CancelSpacePlanPage: SpacePage, FormPage {
    typealias Shown = CancelWorkspaceSubscription

    let parts: WorkspacePageParts

    static let about = AboutPage.space("space_confirm")

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let now = try await parts.standing(at: desk)
        let state = SpacePlanState(desk, now, parts.site)
        guard let account = now.account, let plan = now.plan,
            state.canCancel || desk.visit.attempt != nil
        else { return try desk.toPlan() }
        let trial = account.subscription.trialEnd.flatMap { $0 > desk.now ? $0 : nil }
        let end = trial ?? account.context.paidUntil
        return desk.confirm(
            "end", action: desk.path + "/plan/cancel", back: desk.path + "/plan",
            facts: [
                end > desk.now ? "until" : "soon",
                desk.workspace.isPersonal ? "free" : "frozen", "back",
            ],
            ["plan": plan.name, "when": desk.spoken.day(end, now: desk.now)])
    }

    func submit(_ form: Void, _ address: SpaceAddress, _ visit: Visit) async throws -> Submitted {
        let id = try await parts.admit(to: Shown.self, address, visit)
        _ = try await parts.billing.cancel.perform(
            (id, APICancelRequest(cancelAtPeriodEnd: true)), visit.call)
        return Submitted(
            "\(WorkspacePageParts.root)/\(id.text)/plan", notice: "space_canceled")
    }
}
