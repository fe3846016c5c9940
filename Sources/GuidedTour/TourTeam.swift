import Foundation
import JSON
import Service

/// A team's way: it pays for seats, calls by key, loses its plan, is frozen, pays again, and goes
/// on.
struct TourTeam {
    private static let seats: Set = [
        "status", "plan", "name", "seat_count", "pending_seat_count", "available_seats",
        "enabled_member_count", "current_period_end",
    ]
    private static let price: Set = [
        "seat_count", "new_seat_count", "total_due", "currency", "effective_at",
    ]
    private static let day: Int64 = 86_400

    let guide: TourGuide
    let internalKey: String
    private var owner: TourVisitor
    private var mate: TourVisitor
    private var workspace = ""
    private var client = ""
    private var key = ""

    init(guide: TourGuide, internalKey: String, owner: TourVisitor, mate: TourVisitor) {
        self.guide = guide
        self.internalKey = internalKey
        self.owner = owner
        self.mate = mate
    }

    private var team: String { "/api/workspaces/\(workspace)" }
    private var subscription: String { "/api/subscriptions/workspaces/\(workspace)" }

    mutating func walk() async throws {
        try await found()
        try await buy(plan: "Basic", seats: 1)
        let member = try await invite()
        try await call("reserved")
        try await addSeats()
        try await lose()
        try await buy(plan: "Professional", seats: 2)
        guide.say("The team is active at once, with the owner alone, who says who has the seats")
        try await expect(["status": "active", "seat_count": 2, "enabled_member_count": 1])
        try await ask(
            "POST", subscription + "/reactivate", ["user_ids": [.string(member)]],
            showing: Self.seats)
        try await expect(["enabled_member_count": 2, "available_seats": 0])
        guide.say("The key was never lost: its calls go through again")
        try await call("reserved")
        show("\nThe tour is over: a team paid for seats, was frozen, paid again and went on.")
    }

    private mutating func found() async throws {
        guide.say("An owner makes a team; it has no subscription yet, and nothing can be added")
        let made = try await ask(
            "POST", "/api/workspaces", ["display_name": "Ada's team"], expecting: 201)
        guard let id = made["id"]?.string, let client = made["client_id"]?.string else {
            throw FriendlyError("no workspace")
        }
        (workspace, self.client) = (id, client)
        try await ask(
            "POST", team + "/api-keys", ["name": "too early", "is_test_key": false],
            expecting: 402)
    }

    /// On the local Stripe's page.
    private mutating func buy(plan name: String, seats: Int64) async throws {
        guide.say("\(name) with \(seats) \(seats == 1 ? "seat" : "seats"), and a page to pay on")
        let plans = try await guide.fetch("/api/subscriptions/plans")
        let plan = plans["plans"]?.array?.first { $0["name"]?.string == name }
        let checkout = try await ask(
            "POST", subscription + "/checkout",
            [
                "plan_id": plan?["id"] ?? .null, "seat_count": .int(seats),
                "success_url": .string(guide.url + "/docs?paid={CHECKOUT_SESSION_ID}"),
                "cancel_url": .string(guide.url + "/docs"),
            ])
        guard let page = checkout["checkout_url"]?.string,
            page.hasPrefix("http://127.0.0.1:") || page.hasPrefix("http://localhost:")
        else { throw FriendlyError("the tour pays on the local Stripe only") }
        _ = try await guide.press("pay", on: page)
        try await move(seconds: 0)
        try await expect(["status": "active", "seat_count": .int(seats)])
        guard key.isEmpty else { return }
        let made = try await ask(
            "POST", team + "/api-keys", ["name": "our software", "is_test_key": false],
            expecting: 201)
        key = made["api_key"]?.string ?? ""
    }

    /// - Returns: the id of who came.
    private mutating func invite() async throws -> String {
        guide.say("The only seat is the owner's, so nobody can be invited")
        try await ask(
            "POST", team + "/invitations", ["email": .string(mate.email)], expecting: 409)
        guide.say("In the trial another seat is free")
        try await ask(
            "PATCH", subscription + "/seats", ["seat_count": 2], showing: Self.seats)
        try await ask(
            "POST", team + "/invitations", ["email": .string(mate.email)], expecting: 201)
        guide.say("The invitation is a mail, and its token in no answer")
        let mailbox = try await guide.fetch("/dev/mailbox?to=\(mate.email)")
        let text = mailbox["messages"]?.array?.last?["text"]?.string ?? ""
        guard let token = text.firstMatch(of: /(?m)^[\w\-]{43}$/)?.output else {
            throw FriendlyError("the mailbox has no invitation")
        }
        try await guide.send(
            "POST", "/api/invitations/accept", ["token": .string(String(token))],
            headers: mate.headers, showing: Self.seats, expecting: 200)
        try await expect(["enabled_member_count": 2, "available_seats": 0])
        let members = try await ask("GET", team + "/members", nil)
        let theirs = members["items"]?.array?.first { $0["email"]?.string == mate.email }
        guard let id = theirs?["user_id"]?.string else { throw FriendlyError("nobody came") }
        return id
    }

    private mutating func addSeats() async throws {
        guide.say("Eight days on the trial is over and the first month paid")
        try await move(seconds: 8 * Self.day)
        guide.say("What would two more seats cost for the rest of the month?")
        let shown = try await ask(
            "POST", subscription + "/preview-seats", ["seat_count": 4], showing: Self.price)
        guard let due = shown["total_due"]?.string.flatMap(Double.init), due > 0 else {
            throw FriendlyError("two seats cost nothing")
        }
        guide.say("Just that is charged, and the seats are there")
        try await ask(
            "PATCH", subscription + "/seats", ["seat_count": 4], showing: Self.seats)
        try await expect(["seat_count": 4, "available_seats": 2])
        guide.say("Two were enough: fewer follow with the next period, and count at once")
        try await ask(
            "PATCH", subscription + "/seats", ["seat_count": 2], showing: Self.seats)
        try await expect(["seat_count": 4, "pending_seat_count": 2, "available_seats": 0])
    }

    private mutating func lose() async throws {
        guide.say("The owner cancels; the period passes, and the team is frozen")
        try await ask("POST", subscription + "/cancel", nil)
        try await move(seconds: 32 * Self.day)
        try await expect(["status": "frozen", "seat_count": 0, "enabled_member_count": 1])
        guide.say("Its key lets nobody in")
        try await call("workspace_frozen")
    }

    // MARK: Steps

    /// A tool server asks before its call, and tells how it ended.
    private func call(_ code: String) async throws {
        let tool = [("X-Internal-API-Key", internalKey)]
        guide.say("A customer's software calls by key")
        let answer = try await guide.send(
            "POST", "/api/internal/usage/validate",
            [
                "request_id": .string("tour-\(UInt32.random(in: .min ... .max))"),
                "client_id": .string(client), "api_key": .string(key),
                "feature_key": "api.job_match", "endpoint": "/v1/job-match", "method": "POST",
                "payload_hash": .string(String(repeating: "0b", count: 32)),
            ], headers: tool, expecting: code == "reserved" ? 200 : 402)
        guard answer["code"]?.string == code else {
            throw FriendlyError("the call is not answered \(code)")
        }
        guard let usage = answer["usage_id"], usage != .null else { return }
        try await guide.send(
            "POST", "/api/internal/usage/commit",
            ["client_id": .string(client), "usage_id": usage, "success": true], headers: tool,
            expecting: 200)
    }

    private func expect(_ wanted: [String: JSONValue]) async throws {
        let found = try await ask("GET", team, nil, showing: Self.seats)
        for (name, value) in wanted where found[name] != value {
            throw FriendlyError("\(name) is not \(value.compactText)")
        }
    }

    @discardableResult
    private func ask(
        _ method: String, _ path: String, _ body: JSONValue?, showing names: Set<String>? = nil,
        expecting status: Int = 200
    ) async throws -> JSONValue {
        try await guide.send(
            method, path, body, headers: owner.headers, showing: names, expecting: status)
    }

    private mutating func move(seconds: Int64) async throws {
        try await guide.send(
            "POST", "/dev/clock", ["advance_seconds": .int(seconds)], expecting: 200)
        guard seconds > 0 else { return }
        guide.say("The owner's token is out of date by now: they sign in again")
        let tokens = try await guide.send(
            "POST", "/auth/signin",
            ["email": .string(owner.email), "password": .string(owner.password)],
            showing: ["token_type", "expires_in"], expecting: 200)
        guard let token = tokens["access_token"]?.string else {
            throw FriendlyError("no access token")
        }
        owner.token = token
    }
}
