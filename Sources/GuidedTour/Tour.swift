import ArgumentParser
import Foundation
import HTTPClient
import JSON
import Service
import Settings

/// Walks through the product as its users do, over real HTTP, and shows each step.
package struct Tour: AsyncParsableCommand {
    package static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "tour",
            abstract: "Walk from sign-up to a page to pay on, against a running server.",
            discussion: """
                With --pay it goes on by itself: buys a plan on the local Stripe's page, \
                upgrades, cancels, moves the development clock 40 days on to see the plan end, \
                and buys a pack of credits. With --moves it goes every way from one plan to \
                another instead, has a pack bought by itself and buys a year, and moves the \
                clock 104 days on. With --team it goes a team's way: seats, calls by key, a \
                freeze, and paid again; it moves the clock 40 days on.

                Examples:
                  cuebx tour
                  cuebx tour --pay
                  cuebx tour --moves
                  cuebx tour --team
                """)
    }

    @Option(help: "Where the server is; if not given, where the settings have it listen.")
    var url: String?

    @Option(help: "A key of the tool server; if not given, the first of the settings.")
    var internalKey: String?

    @Flag(help: "Pay, upgrade, cancel and move the clock too; on the local Stripe only.")
    var pay = false

    @Flag(help: "Pay, and go every way from one plan to another; on the local Stripe only.")
    var moves = false

    @Flag(help: "Go a team's way: seats, a freeze, and paid again; on the local Stripe only.")
    var team = false

    package init() {}

    package func run() async throws {
        let settings = try await Settings.load()
        let url = url ?? settings.listenURL
        let client = HTTPClient()
        defer { client.shutdown() }
        let guide = TourGuide(url: url, client: client)
        do {
            let internalKey = internalKey ?? settings.internalAPIKeys[0]
            if team {
                var tour = TourTeam(
                    guide: guide, internalKey: internalKey,
                    owner: try await signUp(guide, "An owner", named: "Ada Owner"),
                    mate: try await signUp(guide, "A colleague", named: "Grace Colleague"))
                return try await tour.walk()
            }
            let visitor = try await meter(guide, internalKey)
            try await TourPaying(
                guide: guide, visitor: visitor, internalKey: internalKey
            ).walk(moves ? .moves : pay ? .life : .toThePage)
        } catch let error as HTTPClientError {
            throw FriendlyError("no answer from \(url) (\(error)); is `make run` running?")
        }
    }

    private func signUp(
        _ guide: TourGuide, _ who: String, named name: String
    ) async throws -> TourVisitor {
        let email = "tour-\(UInt32.random(in: .min ... .max))@example.test"
        let password = "Career-2026"
        guide.say("\(who) signs up")
        try await guide.send(
            "POST", "/auth/signup",
            ["email": .string(email), "password": .string(password), "full_name": .string(name)],
            expecting: 201)
        guide.say("The code is in the development mailbox")
        let mailbox = try await guide.send("GET", "/dev/mailbox?to=\(email)", expecting: 200)
        guard let text = mailbox["messages"]?.array?.last?["text"]?.string,
            let code = text.firstMatch(of: /\b[0-9]{6}\b/)?.output
        else { throw FriendlyError("the mailbox has no code") }
        guide.say("Verifying gives tokens and the Free plan")
        let tokens = try await guide.send(
            "POST", "/auth/signup/verify",
            ["email": .string(email), "otp_code": .string(String(code))], expecting: 200)
        guard let token = tokens["access_token"]?.string else {
            throw FriendlyError("no access token")
        }
        return TourVisitor(email: email, password: password, token: token)
    }

    /// From sign-up to a charged credit.
    private func meter(_ guide: TourGuide, _ internalKey: String) async throws -> TourVisitor {
        let visitor = try await signUp(guide, "A career seeker", named: "Ada Seeker")
        let user = visitor.headers
        let tool = [("X-Internal-API-Key", internalKey)]
        guide.say("What can be bought")
        try await guide.send(
            "GET", "/career/subscriptions/plans",
            showing: ["plans", "id", "name", "display_price", "credits_allocation", "trial_days"],
            expecting: 200)
        guide.say("What they have")
        let subscription = try await guide.send(
            "GET", "/career/subscriptions/", headers: user, showing: TourPaying.summary,
            expecting: 200)
        guide.say("An AI tool server asks before its call")
        let granted = try await guide.send(
            "POST", "/career/internal/usage/validate",
            [
                "request_id": "tour-1", "feature_key": "career.job_match",
                "endpoint": "/v1/job-match", "method": "POST",
                "payload_hash": .string(String(repeating: "0a", count: 32)),
            ], headers: user + tool, expecting: 200)
        guide.say("… and tells how it ended")
        try await guide.send(
            "POST", "/career/internal/usage/commit",
            [
                "user_id": subscription["user_id"] ?? .null,
                "usage_id": granted["usage_id"] ?? .null, "success": true,
                "metrics": ["model_used": "coach-1", "latency_ms": 840],
            ], headers: tool, expecting: 200)
        guide.say("One credit was charged")
        let balance = try await guide.send("GET", "/career/usage/", headers: user, expecting: 200)
        guard balance["credits_used"] == "1.00", balance["credits_remaining"] == "24.00" else {
            throw FriendlyError("the balance is not what it should be")
        }
        return visitor
    }
}
