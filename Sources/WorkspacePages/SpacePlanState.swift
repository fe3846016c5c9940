import JSON
import Ledger
import PageFrame
import Pages
import Values
import Workspaces

/// Where what a workspace pays for stands, and what the visitor may do about it: the decisions
/// judge for themselves.
struct SpacePlanState: Sendable {
    private let desk: SpaceDesk
    private let now: SpaceStanding
    private let state: SpaceState
    /// As the account alone has it, whether or not the workspace is suspended or frozen.
    private let subscription: SubscriptionState?
    private let support: String?
    private let isArriving: Bool

    /// - Parameter isArriving: whether the visitor has paid a moment ago.
    init(_ desk: SpaceDesk, _ now: SpaceStanding, _ site: Site, isArriving: Bool = false) {
        self.desk = desk
        self.now = now
        state = SpaceState(desk, account: now.account, grace: site.pastDueGrace)
        subscription = now.account.map {
            SubscriptionState($0, now: desk.now, grace: site.pastDueGrace)
        }
        support = site.brand.supportEmail
        self.isArriving = isArriving && !now.isBilled
    }

    /// What there is to do, and who may.
    private enum Act {
        /// The owner's, or an admin's: a form, the words of its button.
        case owner(post: String, String)
        case admin(post: String, String)
        case choose
        case look
        case write(String)
    }

    private var act: Act? {
        if isArriving { return .look }
        switch state.kind {
        case "suspended": return support.map { .write($0) }
        case "ending", "trial_ending": return .owner(post: "/plan/resume", "act.resume")
        case "lowering", "trial_lowering": return .owner(post: "/plan/resume", "act.keep")
        case "past_due", "past_due_over", "unpaid", "incomplete", "frozen_unpaid":
            return .admin(post: "/plan/billing", "act.pay")
        case "paused", "frozen_paused": return .admin(post: "/plan/billing", "act.card")
        case "none", "frozen", "over": return .choose
        default: return nil
        }
    }

    var canCancel: Bool {
        guard desk.role == .owner, now.isBilled, let subscription else { return false }
        return subscription.canCancel || subscription.kind == .paused
    }

    /// Whether another number of seats can be asked for here.
    var canChangeSeats: Bool {
        guard desk.isAdmin, !desk.workspace.isPersonal, now.isBilled else { return false }
        return ["trial", "active", "lowering", "trial_lowering"].contains(state.kind)
    }

    var values: JSONObject {
        let words = desk.words
        var values = state.values(desk, now, support: support).with([
            "plan_name": .string(isPaid ? now.plan?.name ?? "" : words.html("space.tab.plan")),
            "post": .null, "href": .null, "label_html": .null, "ask_html": .null,
            "facts": .array(facts), "can_cancel": .bool(canCancel),
        ])
        if isArriving {
            values["text_html"] = .string(words.html("state.arriving"))
            values["badge_html"] = .string(words.html("badge.arriving"))
            values["tone"] = "wait"
        }
        var billing = desk.isAdmin && now.account?.subscription.stripeCustomerID != nil
        func post(_ path: String, _ key: String, _ needed: WorkspaceRole) {
            guard desk.role >= needed else {
                values["ask_html"] = .string(words.html("space.plan.ask.\(needed.rawValue)"))
                return
            }
            values["post"] = .string(desk.path + path)
            values["label_html"] = .string(words.html(key, ["plan": now.plan?.name ?? ""]))
            if path == "/plan/billing" { billing = false }
        }
        func lead(_ href: String, _ key: String) {
            values["href"] = .string(href)
            values["label_html"] = .string(words.html(key))
        }
        switch act {
        case .owner(let path, let key): post(path, key, .owner)
        case .admin(let path, let key): post(path, key, .admin)
        case .choose where !desk.isAdmin:
            values["ask_html"] = .string(words.html("space.plan.ask.admin"))
        case .choose: lead("#plans", "act.plans")
        case .look: lead(desk.path + "/plan", "act.look")
        case .write(let address): lead("mailto:" + address, "space.act.support")
        case nil: break
        }
        values["can_bill"] = .bool(billing)
        return values
    }

    /// Whether there is a plan that the price and the seats of are told.
    private var isPaid: Bool {
        now.plan != nil && !["frozen", "none", "over"].contains(state.kind)
    }

    private var facts: [JSONValue] {
        guard isPaid, let plan = now.plan else { return [] }
        let words = desk.words
        var facts: [JSONValue] = []
        if plan.kind == .paid {
            facts.append(desk.fact("price", plan.priceText(desk.seatCount, words)))
        }
        facts.append(
            desk.fact(
                "credits",
                words.html(
                    "space.plan.credits", ["credits": plan.pricing.creditsAllocation.spoken])))
        if !desk.workspace.isPersonal { facts.append(desk.fact("seats", desk.seats)) }
        return facts
    }
}

extension SpaceDesk {
    /// The seats that are paid for now, at least the owner's.
    var seatCount: Int64 { max(workspace.subscription.seatCount, 1) }

    /// How many seats are taken, how many are free and how many follow.
    var seats: String {
        let seats = workspace.subscription
        let text = words.html(
            seats.seatCount == 0 ? "space.seats.none" : "space.seats",
            [
                "taken": String(space.enabled), "all": String(seats.seatCount),
                "free": String(seats.available(beside: space.enabled)),
            ])
        let later = seats.pendingSeatCount.map {
            " " + words.html("space.seats.later", ["all": String($0)])
        }
        return text + (later ?? "")
    }
}

extension Plan {
    /// What an interval costs with so many seats.
    func total(_ count: Int64) -> Money {
        guard let all = seats?.price.times(count),
            let sum = Money(amount: price.amount + all.amount, currency: price.currency)
        else { return price }
        return sum
    }

    /// E.g. `$25.00 a month`.
    func totalText(_ count: Int64, _ words: Words) -> String {
        words.html("space.each.\(interval.rawValue)", ["price": total(count).spoken])
    }

    /// E.g. `$19.00 and 3 seats at $2.00: $25.00 a month`.
    func priceText(_ count: Int64, _ words: Words) -> String {
        words.html(
            count == 1 ? "space.price.one" : "space.price",
            [
                "base": price.spoken, "count": String(count),
                "seat": seats?.price.spoken ?? "", "total_html": totalText(count, words),
            ])
    }
}
