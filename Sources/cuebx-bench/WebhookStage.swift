import Database
import Foundation
import HTTPClient
import JSON
import Service
import Settings
import Stripe
import Values

/// A server and a local Stripe, each a process of its own, with subscriptions that events can be
/// about.
final class WebhookStage {
    static let catalog =
        ProcessInfo.processInfo.environment["CATALOG"] ?? Settings().catalogPath

    private(set) var server: BenchServer
    private let sandbox: BenchServer
    private let database: SQLiteDatabase
    private let file: String
    private let client = HTTPClient()

    private init(
        server: BenchServer, sandbox: BenchServer, database: SQLiteDatabase, file: String
    ) {
        self.server = server
        self.sandbox = sandbox
        self.database = database
        self.file = file
    }

    static func start(folder: String) async throws -> WebhookStage {
        let file = "\(folder)/served.db"
        let port = try ReservedPort()
        let stripePort = try ReservedPort()
        let sandbox = try await BenchServer.start(
            database: "sqlite:\(file)", catalog: catalog, port: stripePort,
            arguments: [
                "sandbox", "--port", String(stripePort.number),
                "--webhook-url", "http://127.0.0.1:\(port.number)/webhooks/stripe",
            ], probe: "/_test/clock")
        do {
            let server = try await start(
                file, port: port, stripePort: stripePort.number, worksOff: true)
            return WebhookStage(
                server: server, sandbox: sandbox, database: try SQLiteDatabase(path: file),
                file: file)
        } catch {
            sandbox.stop()
            throw error
        }
    }

    private static func start(
        _ file: String, port: ReservedPort, stripePort: Int, worksOff: Bool
    ) async throws -> BenchServer {
        try await BenchServer.start(
            database: "sqlite:\(file)", catalog: catalog, port: port,
            arguments: worksOff ? ["serve"] : ["serve", "--no-worker"],
            environment: ["STRIPE_API_BASE": "http://127.0.0.1:\(stripePort)"])
    }

    /// Starts the server anew, on the same port and database.
    func restart(worksOff: Bool) async throws {
        server.stop()
        server = try await Self.start(
            file, port: server.reservedPort, stripePort: sandbox.port, worksOff: worksOff)
    }

    func stop() {
        server.stop()
        sandbox.stop()
        client.shutdown()
    }

    // MARK: Subscriptions to tell of

    /// A real event of the local Stripe's, whose id can be another.
    struct Template {
        let event: JSONObject

        func body(id: String) -> [UInt8] {
            var event = event
            event["id"] = .string(id)
            // Indented, as Stripe sends them.
            return Array(JSONValue.object(event).prettyText.utf8)
        }
    }

    /// Has users buy a plan and returns the events that told of it.
    func sell(_ count: Int) async throws -> [Template] {
        let plans = try await send("GET", url("/career/subscriptions/plans"))
        guard let plan = plans["plans"]?.array?.last?["id"] else {
            throw FriendlyError("the catalog has no plan")
        }
        for user in try await server.signUp(count) {
            let session = try await send(
                "POST", url("/career/subscriptions/checkout"),
                headers: [("Authorization", "Bearer \(user.token)")],
                body: [
                    "plan_id": plan, "success_url": "http://127.0.0.1/",
                    "cancel_url": "http://127.0.0.1/",
                ])
            guard let page = session["checkout_url"]?.string else {
                throw FriendlyError("no page to pay on")
            }
            _ = try await client.send(
                HTTPRequest(
                    "POST", page,
                    headers: [("Content-Type", "application/x-www-form-urlencoded")],
                    body: Array("action=pay".utf8)))
        }
        // Answers once what has happened so far is worked off.
        _ = try await send("POST", url("/dev/clock"), body: ["advance_seconds": 0])
        let told = try await send(
            "GET",
            "http://127.0.0.1:\(sandbox.port)/v1/events?limit=100"
                + "&type=customer.subscription.created",
            headers: [("Authorization", "Bearer \(Settings.sandboxKey)")])
        let templates = (told["data"]?.array ?? []).compactMap(\.object).map { Template(event: $0) }
        guard templates.count == count else {
            throw FriendlyError("\(templates.count) of \(count) subscriptions were sold")
        }
        return templates
    }

    func sign(_ bodies: [[UInt8]]) -> [SignedEvent] {
        let now = DecisionClock.wall.now().seconds
        return bodies.map { body in
            SignedEvent(
                body: body,
                signature: StripeSignature.header(
                    body: body, secret: Settings.developmentWebhookSecret, timestamp: now))
        }
    }

    // MARK: Counts

    struct Standing: Sendable {
        /// Events that are known by their id.
        let kept: Int64
        /// Messages that are not worked off.
        let waiting: Int64
        let dead: Int64
        /// Times that a subscription was fetched: each event's work fetches one.
        let fetches: Int64
    }

    func standing() async throws -> Standing {
        try await database.read { connection in
            let row = try connection.query(
                """
                SELECT (SELECT count(*) FROM stripe_events),
                    (SELECT count(*) FROM messages WHERE died_at IS NULL),
                    (SELECT count(*) FROM messages WHERE died_at IS NOT NULL),
                    (SELECT coalesce(sum(issued), 0) FROM stripe_tickets)
                """)[0]
            var reader = row.reader
            return try Standing(
                kept: reader.integer(), waiting: reader.integer(), dead: reader.integer(),
                fetches: reader.integer())
        }
    }

    // MARK: HTTP

    private func url(_ path: String) -> String { "http://127.0.0.1:\(server.port)\(path)" }

    private func send(
        _ method: String, _ url: String, headers: [(String, String)] = [], body: JSONValue? = nil
    ) async throws -> JSONValue {
        let answer = try await client.send(
            HTTPRequest(
                method, url,
                headers: headers + (body == nil ? [] : [("Content-Type", "application/json")]),
                body: body.map { Array($0.compactText.utf8) }, timeout: .seconds(60)))
        guard answer.status == 200 else {
            let text = String(decoding: answer.body, as: UTF8.self)
            throw FriendlyError("\(url): \(answer.status) \(text)")
        }
        return try JSONValue.parse(answer.body)
    }
}
