import Foundation
import JSON
import Service

/// Who walks: signs in anew whenever the clock has outrun the token.
struct TourVisitor {
    let email: String
    let password: String
    var token: String

    var headers: [(String, String)] { [("Authorization", "Bearer \(token)")] }
}

/// How far the tour goes.
enum TourWay {
    /// To a page on which a plan can be paid.
    case toThePage
    /// A plan is paid, upgraded, canceled, and ends; then a pack of credits is bought.
    case life
    /// Every way from one plan to another.
    case moves
}

/// The second half of the tour: a plan is bought, upgraded, canceled, and ends; then a pack of
/// credits is bought.
struct TourPaying {
    static let summary: Set = [
        "user_id", "status", "current_period_end", "cancel_at_period_end", "trial_end", "plan",
        "name", "display_price",
    ]
    static let balance: Set = [
        "credits_allocated", "credits_used", "credits_remaining", "period_end",
    ]
    static let base = "/career/subscriptions"
    static let day: Int64 = 86_400

    let guide: TourGuide
    var visitor: TourVisitor
    /// By which an AI tool server calls.
    let internalKey: String

    init(guide: TourGuide, visitor: TourVisitor, internalKey: String) {
        self.guide = guide
        self.visitor = visitor
        self.internalKey = internalKey
    }

    func walk(_ way: TourWay) async throws {
        var tour = self
        let plans = try await tour.planIDs()
        guard let plus = plans["Plus"], let pro = plans["Pro"] else {
            throw FriendlyError("the catalog has no Plus and Pro")
        }
        guide.say("They choose Plus and get a page to pay on")
        let checkout = try await tour.post(
            "/checkout", .object(tour.ways.with("plan_id", plus)))
        guard let page = checkout["checkout_url"]?.string else {
            throw FriendlyError("no page to pay on")
        }
        guard way != .toThePage else {
            show("\nOpen it in a browser and pay, or see it done: make tour-pay")
            show("  \(page)")
            show("The tour is over: 25.00 credits granted, 1.00 used, 24.00 left.")
            return
        }
        guard page.hasPrefix("http://127.0.0.1:") || page.hasPrefix("http://localhost:") else {
            throw FriendlyError("the tour pays on the local Stripe only, not on \(page)")
        }
        try await tour.buy(on: page)
        if way == .moves {
            try await tour.moves(
                plus: plus, pro: pro, free: plans["Free"] ?? "",
                plusYearly: plans["Plus yearly"] ?? "")
            show(
                "\nThe tour is over: a trial of Plus, Pro, Plus at the period's end, and Free; a "
                    + "pack that was bought by itself, and a year of Plus.")
            return
        }
        try await tour.upgrade(to: pro)
        try await tour.end()
        try await tour.topUp()
        show("\nThe tour is over: Free, a trial of Plus, Pro, Free again, and a pack of credits.")
    }

    /// Pays a plan on the local Stripe's page.
    func buy(_ plan: String) async throws {
        let checkout = try await post("/checkout", .object(ways.with("plan_id", plan)))
        guard let page = checkout["checkout_url"]?.string else {
            throw FriendlyError("no page to pay on")
        }
        _ = try await guide.press("pay", on: page)
    }

    /// Without showing it again: the first half has.
    private func planIDs() async throws -> [String: String] {
        let answer = try await guide.fetch(Self.base + "/plans")
        var ids: [String: String] = [:]
        for plan in answer["plans"]?.array ?? [] {
            if let name = plan["name"]?.string { ids[name] = plan["id"]?.string }
        }
        return ids
    }

    private mutating func buy(on page: String) async throws {
        guide.say("They press the button that starts the trial")
        _ = try await guide.press("pay", on: page)
        guide.say("Stripe's events are on their way; the clock answers once they are worked off")
        try await move(seconds: 0)
        guide.say("They are on Plus, on trial, with its credits")
        try await expectPlan("Plus")
        try await expectCredits("500.00")
    }

    mutating func upgrade(to plan: String) async throws {
        guide.say("Eight days on the trial is over and the first month paid")
        try await move(seconds: 8 * Self.day)
        try await expectPlan("Plus")
        guide.say("What would Pro cost for the rest of the month? Asking changes nothing")
        let preview = try await post(
            "/preview-upgrade", ["new_plan_id": .string(plan)],
            showing: [
                "current_plan", "new_plan", "name", "proration_amount", "total_due", "currency",
                "billing_period_end",
            ])
        guide.say("They take it; just that is charged, and the credits grow by the same share")
        try await post("/upgrade", ["new_plan_id": .string(plan)], showing: Self.summary)
        try await expectPlan("Pro")
        let credits = try await get("/career/usage/", showing: Self.balance)
        guard let due = preview["total_due"]?.string.flatMap(Double.init), due > 0,
            let allocated = credits["credits_allocated"]?.string.flatMap(Double.init),
            allocated > 1000
        else { throw FriendlyError("the upgrade is not what it should be") }
    }

    private mutating func end() async throws {
        guide.say("They cancel: it ends with its period")
        try await post("/cancel", [:])
        guide.say("… change their mind")
        try await post("/resume", nil, showing: Self.summary)
        guide.say("… and cancel again")
        try await post("/cancel", [:])
        guide.say("The period passes")
        try await move(seconds: 32 * Self.day)
        guide.say("They are on Free again, with a month of its credits")
        try await expectPlan("Free")
        try await expectCredits("25.00")
    }

    private mutating func topUp() async throws {
        guide.say("They need more than a month's credits: what packs are there?")
        let packs = try await guide.send(
            "GET", "/career/credits/packs",
            showing: ["packs", "id", "name", "price", "credits", "valid_days"], expecting: 200)
        guard let pack = packs["packs"]?.array?.first, let id = pack["id"]?.string else {
            throw FriendlyError("the catalog has no packs")
        }
        guide.say("They choose one, and pay it once")
        let checkout = try await guide.send(
            "POST", "/career/credits/checkout", .object(ways.with("pack_id", id)),
            headers: visitor.headers, expecting: 200)
        guard let page = checkout["checkout_url"]?.string else {
            throw FriendlyError("no page to pay on")
        }
        _ = try await guide.press("pay", on: page)
        try await move(seconds: 0)
        guide.say("Its credits are there, beside those of the plan, and are used after them")
        try await expectCredits("125.00")
    }

    // MARK: Steps

    /// Where a page to pay on leads back to.
    private var ways: JSONObject {
        [
            "success_url": .string(guide.url + "/docs?paid={CHECKOUT_SESSION_ID}"),
            "cancel_url": .string(guide.url + "/docs"),
        ]
    }

    mutating func move(seconds: Int64) async throws {
        try await guide.send(
            "POST", "/dev/clock", ["advance_seconds": .int(seconds)], expecting: 200)
        guard seconds > 0 else { return }
        guide.say("The access token is out of date by now: they sign in again")
        let tokens = try await guide.send(
            "POST", "/auth/signin",
            ["email": .string(visitor.email), "password": .string(visitor.password)],
            showing: ["token_type", "expires_in"], expecting: 200)
        guard let token = tokens["access_token"]?.string else {
            throw FriendlyError("no access token")
        }
        visitor.token = token
    }

    func expectPlan(_ name: String) async throws {
        let subscription = try await get(Self.base + "/", showing: Self.summary)
        guard subscription["plan"]?["name"] == .string(name) else {
            throw FriendlyError("the plan is not \(name)")
        }
    }

    func expectCredits(_ credits: String) async throws {
        let balance = try await get("/career/usage/", showing: Self.balance)
        guard balance["credits_remaining"] == .string(credits) else {
            throw FriendlyError("there are not \(credits) credits")
        }
    }

    func get(_ path: String, showing names: Set<String>) async throws -> JSONValue {
        try await guide.send(
            "GET", path, headers: visitor.headers, showing: names, expecting: 200)
    }

    @discardableResult
    func post(
        _ path: String, _ body: JSONValue?, showing names: Set<String>? = nil
    ) async throws -> JSONValue {
        try await guide.send(
            "POST", Self.base + path, body, headers: visitor.headers, showing: names,
            expecting: 200)
    }
}

extension JSONObject {
    fileprivate func with(_ name: String, _ id: String) -> JSONObject {
        var copy = self
        copy[name] = .string(id)
        return copy
    }
}
