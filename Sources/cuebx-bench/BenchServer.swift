import Foundation
import HTTPClient
import JSON
import Service
import Settings

/// A server of the bench's own: `cuebx` as another process, on a free port.
final class BenchServer {
    /// How long a start may take before it counts as failed.
    static let startDeadline = Duration.seconds(20)

    /// `STRIPE_API_BASE` of servers from which nobody buys: nothing answers there.
    static let noStripe = "http://127.0.0.1:9"

    /// Who calls: a user by an access token, or a customer by its `client_id` and an API key.
    struct User: Sendable {
        let id: String
        let token: String
        var product = BenchProduct.career
    }

    let reservedPort: ReservedPort
    let startMilliseconds: Double
    private let process: Process

    var port: Int { reservedPort.number }

    private init(process: Process, port: ReservedPort, startMilliseconds: Double) {
        self.process = process
        self.reservedPort = port
        self.startMilliseconds = startMilliseconds
    }

    /// The shipped catalog of these products, each with a Free plan that does not run dry or limit
    /// the rate.
    static func writeCatalog(
        to folder: String, products: [BenchProduct] = [.career]
    ) throws -> String {
        let source =
            ProcessInfo.processInfo.environment["CATALOG"] ?? Settings().catalogPath
        let data = try Data(contentsOf: URL(filePath: source))
        let file = try JSONValue.parse(Array(data))
        let parts = try products.map { product in
            let part = file["products"]?[product.rawValue] ?? (product == .career ? file : .null)
            return (key: product.rawValue, value: JSONValue.object(try freed(part, of: source)))
        }
        let path = folder + "/catalog.json"
        let catalog: JSONValue = ["products": .object(JSONObject(parts))]
        try Data(catalog.prettyText.utf8).write(to: URL(filePath: path))
        return path
    }

    private static func freed(_ part: JSONValue, of source: String) throws -> JSONObject {
        guard var catalog = part.object, var plans = catalog["plans"]?.array,
            var free = plans.first?.object
        else { throw FriendlyError("\(source) has no plans") }
        free["credits_allocation"] = "1000000000.00"
        free["rate_limit_per_minute"] = .null
        free["rate_limit_per_day"] = .null
        plans[0] = .object(free)
        catalog["plans"] = .array(plans)
        return catalog
    }

    /// Gives a database this catalog, as an operator does.
    static func syncCatalog(_ catalog: String, database: String) throws {
        let process = Process()
        process.executableURL = URL(filePath: binary)
        process.arguments = ["catalog", "sync"]
        process.environment = ["DATABASE_URL": database, "CATALOG": catalog]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw FriendlyError("the catalog could not be changed")
        }
    }

    /// The service's binary, which lies beside the bench's.
    static let binary = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appending(path: "cuebx").path

    /// - Parameters:
    ///   - port: a free one if not given.
    ///   - wrapper: a command, in words, that becomes the server; nothing by default.
    ///   - probe: what answers 200 once the process is up.
    static func start(
        database: String, catalog: String, port: ReservedPort? = nil,
        arguments: [String] = ["serve"], under wrapper: [String] = [],
        environment: [String: String] = [:], probe: String = "/health"
    ) async throws -> BenchServer {
        let port = try port ?? ReservedPort()
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = wrapper + [binary] + arguments
        process.environment = [
            "DATABASE_URL": database, "CATALOG": catalog, "PORT": String(port.number),
            "LOG_LEVEL": "warning", "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "",
        ].merging(environment) { $1 }
        process.standardOutput = FileHandle.nullDevice
        let start = ContinuousClock.now
        try process.run()
        let client = HTTPClient()
        defer { client.shutdown() }
        while ContinuousClock.now - start < startDeadline {
            do {
                let answer = try await client.send(
                    HTTPRequest(
                        "GET", "http://127.0.0.1:\(port.number)\(probe)", timeout: .seconds(5)))
                if answer.status == 200 {
                    let elapsed = (ContinuousClock.now - start) / .milliseconds(1)
                    return BenchServer(
                        process: process, port: port, startMilliseconds: elapsed)
                }
            } catch {
                // Not listening yet: ask again in a moment.
                try await Task.sleep(for: .milliseconds(5))
            }
        }
        process.terminate()
        throw FriendlyError("the server did not start")
    }

    func stop() {
        guard process.isRunning else { return }
        process.terminate()
        process.waitUntilExit()
    }

    /// What the server holds in memory now.
    func residentMiB() -> Double { memory("VmRSS:") }

    /// The most that it ever held.
    func peakResidentMiB() -> Double { memory("VmHWM:") }

    private func memory(_ field: String) -> Double {
        guard
            let data = FileManager.default.contents(
                atPath: "/proc/\(process.processIdentifier)/status"),
            let line = String(decoding: data, as: UTF8.self)
                .split(separator: "\n").first(where: { $0.hasPrefix(field) }),
            let kib = line.split(whereSeparator: { !$0.isNumber }).first.flatMap({ Double($0) })
        else { return .nan }
        return kib / 1024
    }

    /// What the server has computed so far, on all of its threads.
    func cpuSeconds() -> Double {
        guard
            let data = FileManager.default.contents(
                atPath: "/proc/\(process.processIdentifier)/stat")
        else { return .nan }
        // The second field is the program's name in parentheses; user and system time are the
        // 14th and 15th, in clock ticks.
        let fields =
            String(decoding: data, as: UTF8.self)
            .split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12])
        else { return .nan }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// Signs users up as any client does, and takes their tokens.
    func signUp(_ count: Int) async throws -> [User] {
        let client = HTTPClient()
        defer { client.shutdown() }
        // The database may be one that a bench has been on before.
        let name = "bench-\(UUID().text)"
        return try await (0..<count).asyncMap {
            try await signUp(email: "\(name)-\($0)@example.test", client)
        }
    }

    private func signUp(email: String, _ client: HTTPClient) async throws -> User {
        _ = try await post(
            client, "/auth/signup",
            ["email": .string(email), "password": "Bench-2026-pass"], expecting: 201)
        let mail = try await client.send(
            HTTPRequest("GET", "http://127.0.0.1:\(port)/dev/mailbox?to=\(email)"))
        guard
            let text = try JSONValue.parse(mail.body)["messages"]?.array?.last?["text"]?.string,
            let code = text.firstMatch(of: /\b[0-9]{6}\b/)?.output
        else { throw FriendlyError("no code for \(email)") }
        let tokens = try await post(
            client, "/auth/signup/verify",
            ["email": .string(email), "otp_code": .string(String(code))], expecting: 200)
        guard let token = tokens["access_token"]?.string else { throw FriendlyError("no token") }
        let me = try await client.send(
            HTTPRequest(
                "GET", "http://127.0.0.1:\(port)/auth/me",
                headers: [("Authorization", "Bearer \(token)")]))
        guard let id = try JSONValue.parse(me.body)["id"]?.string else {
            throw FriendlyError("no user id")
        }
        return User(id: id, token: token)
    }

    func post(
        _ client: HTTPClient, _ path: String, _ body: JSONValue, token: String? = nil,
        expecting status: Int
    ) async throws -> JSONValue {
        let answer = try await client.send(
            HTTPRequest(
                "POST", "http://127.0.0.1:\(port)\(path)",
                headers: [("Content-Type", "application/json")]
                    + (token.map { [("Authorization", "Bearer \($0)")] } ?? []),
                body: Array(body.compactText.utf8)))
        guard answer.status == status else {
            let text = String(decoding: answer.body, as: UTF8.self)
            throw FriendlyError("\(path): \(answer.status) \(text)")
        }
        return try JSONValue.parse(answer.body)
    }
}

extension Sequence where Element: Sendable {
    func asyncMap<Value>(_ transform: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
