import Billing
import FoundationEssentials
import HTTPEndpoint
import JSON
import Ledger
import PageFrame
import Pages
import Subscriptions
import Values
import WorkspaceBilling
import WorkspaceSeats
import Workspaces

/// A page on which a plan or seats are agreed to. Its address says which.
protocol OrderPage: SpacePage, FormPage {}

extension OrderPage {
    static var about: AboutPage { AboutPage.space("space_order") }

    func read(_ input: inout InputReader) -> SpaceAddress {
        SpaceAddress(
            &input, texts: ["plan_id": "The plan.", "seat_count": "How many seats."])
    }

    func back(_ address: SpaceAddress, notice: String) throws -> Submitted {
        Submitted(
            "\(WorkspacePageParts.root)/\(try address.workspace.text)/plan", notice: notice)
    }
}

extension SpaceAddress {
    var seats: AskedSeats { AskedSeats(text: self["seat_count"]) }
}

extension WorkspacePageParts {
    /// A plan that can be bought; the first of them if none is named.
    ///
    /// - Throws: ``Problem`` 404 `plan_not_found`.
    func planForSale(_ id: String?) async throws -> Plan {
        let plans = try await plans().filter { $0.isActive && $0.kind == .paid }
        guard let plan = id == nil ? plans.first : plans.first(where: { $0.id.text == id }) else {
            throw Problem.planNotFound
        }
        return plan
    }
}

/// What a plan costs with so many seats, today and from when on, before the way to the payment
/// provider's page.
struct BuyPlanPage: OrderPage {
    typealias Shown = StartWorkspaceCheckout

    let parts: WorkspacePageParts

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let plan = try await parts.planForSale(address["plan_id"])
        if desk.visit.attempt == nil, try await parts.standing(at: desk).isBilled {
            return try desk.toPlan()
        }
        let isTeam = !desk.workspace.isPersonal
        var order = OrderView(
            desk: desk, heading: words.html("space.buy.heading", ["plan": plan.name]),
            path: desk.path + "/plan/buy", planID: plan.id.text)
        if isTeam { (order.terms, order.seats) = (plan.seats, address.seats) }
        let least = max(plan.seats?.minimum ?? 1, isTeam ? desk.space.enabled : 1)
        let seats = order.seats.number ?? least
        if let problem = order.seats.problem { return order.view(nil, problem, present: least) }
        guard plan.seats?.allows(seats) == true else {
            return order.view(nil, .seatsOutsidePlan, present: least)
        }
        return order.view(try await price(plan, seats, desk), present: least)
    }

    private func price(
        _ plan: Plan, _ seats: Int64, _ desk: SpaceDesk
    ) async throws -> OrderView.Price {
        let days = try await parts.billing.trialDays(of: plan, for: desk.workspace)
        let isTrial = days > 0
        let next =
            isTrial
            ? desk.now.adding(seconds: days * 86_400)
            : desk.now.adding(months: plan.interval.months)
        let total = plan.total(seats)
        let today = isTrial ? Money.zero(total.currency) : total
        return OrderView.Price(
            seats: seats,
            facts: [
                desk.fact("now", "<b>\(today.spoken.escapedForHTML)</b>"),
                desk.fact(
                    "then",
                    words.html(
                        isTrial ? "space.order.first" : "space.order.next",
                        [
                            "total_html": plan.totalText(seats, words),
                            "when": desk.spoken.day(next, now: desk.now),
                        ])),
                desk.fact("price", plan.priceText(seats, words)),
                desk.fact(
                    "credits",
                    words.html(
                        "space.plan.credits",
                        ["credits": plan.pricing.creditsAllocation.spoken])),
            ],
            notes: (isTrial ? [words.html("space.buy.trial", ["days": String(days)])] : [])
                + [words.html("space.buy.tax")],
            button: words.html(isTrial ? "space.buy.button.trial" : "space.buy.button"))
    }

    func submit(_ form: Void, _ address: SpaceAddress, _ visit: Visit) async throws -> Submitted {
        let id = try await parts.admit(to: Shown.self, address, visit)
        let plan = try await parts.planForSale(address["plan_id"])
        let ways = parts.site.ways(from: "\(WorkspacePageParts.root)/\(id.text)/plan")
        let request = APICheckoutRequest(
            planID: plan.id, seats: try address.seats.required(), successURL: ways.success,
            cancelURL: ways.cancel)
        let reply = try await parts.billing.checkout.perform((id, request), visit.call)
        return try Submitted(leavingTo: reply.output?.page.checkoutURL)
    }
}

/// What another number of seats costs, and when it begins, before the button.
struct SeatsPage: OrderPage {
    typealias Shown = PreviewWorkspaceSeats

    let parts: WorkspacePageParts

    func read(form: inout InputReader) -> AgreedPrice { form.body(AgreedPrice.self) }

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let now = try await parts.standing(at: desk)
        guard now.isBilled, let plan = now.plan, !desk.workspace.isPersonal else {
            return try desk.toPlan()
        }
        let order = OrderView(
            desk: desk, heading: words.html("space.seats.heading"),
            path: desk.path + "/plan/seats", terms: plan.seats, seats: address.seats)
        let present = desk.workspace.subscription.pendingSeatCount ?? desk.seatCount
        guard let seats = address.seats.number else {
            return order.view(nil, address.seats.problem, present: present)
        }
        do {
            let reply = try await parts.billing.previewSeats.perform(
                (desk.id, SeatRequest(seats: seats)), desk.visit.call)
            guard let preview = reply.output else { throw Problem.internalError }
            guard let price = price(preview, now, desk) else {
                return order.view(
                    nil, present: present, note: words.html("space.seats.same"))
            }
            return order.view(price, present: present)
        } catch let problem as Problem where problem.status < 500 {
            return order.view(nil, problem, present: present)
        }
    }

    /// - Returns: `nil` if it is what there is, or what follows anyway.
    private func price(
        _ preview: APIChangePreviewResponse, _ now: SpaceStanding, _ desk: SpaceDesk
    ) -> OrderView.Price? {
        let (seats, pending) = (preview.newSeats, desk.workspace.subscription.pendingSeatCount)
        if seats > preview.seats { return desk.price(preview, now, "space.seats.more") }
        guard seats != (pending ?? preview.seats) else { return nil }
        let isFewer = seats < preview.seats
        let key = isFewer ? "space.seats.fewer" : "space.seats.keep"
        let values = [
            "count": String(seats), "all": String(preview.seats),
            "when": desk.spoken.day(preview.periodEnd, now: desk.now),
            "total_html": (now.next ?? preview.new).totalText(seats, words),
        ]
        return OrderView.Price(
            seats: seats,
            facts: [
                desk.fact("now", "<b>\(preview.due.spoken.escapedForHTML)</b>"),
                desk.fact("then", words.html("space.order.next", values)),
            ],
            notes: [words.html(key + ".text", values)],
            button: words.html(key + ".button", values),
            shownAt: preview.effectiveAt.seconds)
    }

    func submit(
        _ form: AgreedPrice, _ address: SpaceAddress, _ visit: Visit
    ) async throws -> Submitted {
        let id = try await parts.admit(to: ChangeWorkspaceSeats.self, address, visit)
        let reply = try await parts.billing.changeSeats.perform(
            (id, SeatRequest(seats: address.seats.required())), visit.call,
            agreedAt: form.shownAt)
        return try back(
            address,
            notice: reply.output?.seats.pendingSeatCount == nil ? "seats_now" : "seats_later")
    }
}

/// What a higher plan costs, to the cent, with as many seats or more.
struct UpgradeSpacePage: OrderPage {
    typealias Shown = PreviewWorkspaceUpgrade

    let parts: WorkspacePageParts

    func read(form: inout InputReader) -> AgreedPrice { form.body(AgreedPrice.self) }

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let now = try await parts.standing(at: desk)
        guard let name = address["plan_id"], name != now.plan?.id.text else {
            return try desk.toPlan()
        }
        let plan = try await parts.planForSale(name)
        if let current = now.plan, PlanMove(from: current, to: plan) == .downgrade {
            return try desk.toPlan("/downgrade?plan_id=\(plan.id.text)")
        }
        var order = OrderView(
            desk: desk, heading: words.html("upgrade.heading", ["plan": plan.name]),
            path: desk.path + "/plan/upgrade", planID: name)
        if !desk.workspace.isPersonal { (order.terms, order.seats) = (plan.seats, address.seats) }
        let present = desk.seatCount
        if let problem = order.seats.problem { return order.view(nil, problem, present: present) }
        do {
            let reply = try await parts.billing.previewPlan.perform(
                (desk.id, APIChangeRequest(planID: plan.id, seats: order.seats.number)),
                desk.visit.call)
            guard let preview = reply.output else { throw Problem.internalError }
            return order.view(
                desk.price(preview, now, "space.upgrade"), present: preview.newSeats)
        } catch let problem as Problem where problem.status < 500 {
            return order.view(nil, problem, present: present)
        }
    }

    func submit(
        _ form: AgreedPrice, _ address: SpaceAddress, _ visit: Visit
    ) async throws -> Submitted {
        let id = try await parts.admit(to: UpgradeWorkspacePlan.self, address, visit)
        let plan = try await parts.planForSale(address["plan_id"])
        let request = APIUpgradeRequest(planID: plan.id, seats: try address.seats.required())
        _ = try await parts.billing.upgradePlan.perform(
            (id, request), visit.call, agreedAt: form.shownAt)
        return try back(address, notice: "space_upgraded")
    }
}

extension SpaceDesk {
    /// The price of what begins at once.
    ///
    /// - Parameter key: the words of its button and of what it explains.
    fileprivate func price(
        _ preview: APIChangePreviewResponse, _ now: SpaceStanding, _ key: String
    ) -> OrderView.Price {
        let isTrial = now.account?.subscription.status == .trialing
        let isUpgrade = preview.new.id != preview.current.id
        // A lower plan that is to follow still does if seats alone are added.
        let later = isUpgrade ? preview.new : now.next ?? preview.new
        let due = preview.due.spoken
        let values = [
            "count": String(preview.newSeats), "all": String(preview.seats), "due": due,
            "plan": preview.new.name, "current": preview.current.name, "tax": preview.tax.spoken,
            "when": spoken.day(preview.periodEnd, now: self.now),
            "total_html": later.totalText(preview.newSeats, words),
            "credits": preview.new.pricing.creditsAllocation.spoken,
        ]
        var facts = [
            fact("now", "<b>\(due.escapedForHTML)</b>"),
            fact(
                "then", words.html(isTrial ? "space.order.first" : "space.order.next", values)),
            fact("price", preview.new.priceText(preview.newSeats, words)),
        ]
        if isUpgrade { facts.append(fact("credits", words.html("upgrade.credits.text", values))) }
        let isFree = preview.due.amount == 0
        return OrderView.Price(
            seats: preview.newSeats, facts: facts,
            notes: [words.html(isTrial ? key + ".trial" : key + ".text", values)]
                + (preview.tax.amount > 0 ? [words.html("space.order.tax", values)] : []),
            button: words.html(isFree ? key + ".button.free" : key + ".button", values),
            shownAt: preview.effectiveAt.seconds, isCharged: true)
    }
}
