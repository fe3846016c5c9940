import ArgumentParser
import Foundation
import HTTPClient
import JSON
import Service

/// A run with many children: how long they take to begin, to be settled one and all, and to be
/// canceled with their parent, over real HTTP.
struct BenchFamily: AsyncParsableCommand {
    /// Operations of a batch at most.
    private static let batch = 256
    /// What the run holds, in credits: enough for every child.
    private static let hold = "1000000"

    static let configuration = CommandConfiguration(
        commandName: "family",
        abstract: "Measure how fast a family of holds is settled and canceled.")

    @Option(help: "Children of the run.")
    var children = 1000

    @Option(help: "Where to work; a folder on the disk to be measured.")
    var folder = "var/bench"

    @Option(help: "A PostgreSQL to measure on, as a URL; it gets a schema of the bench's own.")
    var database: String?

    @Option(help: "Write the figures as JSON to this file.")
    var json: String?

    func validate() throws {
        guard (1...5000).contains(children) else { throw ValidationError("1 to 5000 children") }
    }

    func run() async throws {
        var options = BenchOptions()
        (options.clients, options.folder, options.json) = (1, folder, json)
        try await options.inNewFolder { path in
            let schemas = try await database.asyncMap { try await BenchSchemas(1, in: $0) }
            do {
                let figures = try await measure(
                    schemas?.urls[0] ?? "sqlite:\(path)/family.db",
                    catalog: try BenchServer.writeCatalog(to: path))
                try options.report(figures)
            } catch {
                try await schemas?.drop()
                throw error
            }
            try await schemas?.drop()
        }
    }

    private func measure(_ database: String, catalog: String) async throws -> JSONValue {
        let server = try await BenchServer.start(database: database, catalog: catalog)
        defer { server.stop() }
        let client = HTTPClient()
        defer { client.shutdown() }
        let user = try await server.signUp(1)[0]
        let family = Family(client: client, port: server.port, user: user)
        var figures: [(key: String, value: JSONValue)] = [("children", .int(Int64(children)))]
        for end in ["settle", "cancel"] {
            note("\(children) children, to \(end) …")
            let run = try await family.begin(holding: Self.hold)
            let (ids, begun) = try await timed { try await family.bear(children, of: run) }
            let (_, ended) = try await timed {
                if end == "settle" { try await family.commit(ids) }
                try await family.end(run, by: end == "settle" ? "commit" : "cancel")
            }
            figures += [("begin_to_\(end)_s", number(begun)), ("\(end)_s", number(ended))]
        }
        return .object(JSONObject(figures))
    }

    private func timed<Value>(
        _ work: () async throws -> Value
    ) async throws -> (Value, seconds: Double) {
        let start = ContinuousClock.now
        let value = try await work()
        return (value, (ContinuousClock.now - start) / .seconds(1))
    }

    /// The calls of a run and of what runs below it; what is refused ends the bench.
    private struct Family {
        let client: HTTPClient
        let port: Int
        let user: BenchServer.User

        private var call: [(key: String, value: JSONValue)] {
            [
                ("request_id", .string(UUID().text)), ("feature_key", "career.job_match"),
                ("endpoint", "/v1/job-match"), ("method", "POST"),
                ("payload_hash", .string(String(repeating: "0", count: 64))),
            ]
        }

        func begin(holding credits: String) async throws -> JSONValue {
            let run = try usage(
                await post("validate", .object(JSONObject(call)), "Bearer \(user.token)"))
            _ = try await post(
                "extend",
                [
                    "user_id": .string(user.id), "usage_id": run, "extension_id": "all",
                    "additional_credits": .string(credits),
                ])
            return run
        }

        func bear(_ number: Int, of parent: JSONValue) async throws -> [JSONValue] {
            let operation: () -> JSONValue = {
                .object(
                    JSONObject(
                        call + [
                            ("op", "validate"), ("token", .string(user.token)),
                            ("parent_usage_id", parent),
                        ]))
            }
            return try await batches((0..<number).map { _ in operation() }).map(usage)
        }

        func commit(_ ids: [JSONValue]) async throws {
            _ = try await batches(
                ids.map {
                    ["op": "commit", "user_id": .string(user.id), "usage_id": $0, "success": true]
                })
        }

        func end(_ run: JSONValue, by verb: String) async throws {
            var body: [(key: String, value: JSONValue)] = [
                ("user_id", .string(user.id)), ("usage_id", run),
            ]
            if verb == "commit" { body += [("success", true), ("credits", "0")] }
            _ = try await post(verb, .object(JSONObject(body)))
        }

        /// - Returns: the answers to the operations, in their order.
        private func batches(_ operations: [JSONValue]) async throws -> [JSONValue] {
            var answers: [JSONValue] = []
            for start in stride(from: 0, to: operations.count, by: BenchFamily.batch) {
                let part = operations[start..<min(start + BenchFamily.batch, operations.count)]
                let answer = try await post("batch", ["operations": .array(Array(part))])
                for result in answer["results"]?.array ?? [] {
                    guard result["status"]?.int == 200, let body = result["body"] else {
                        throw FriendlyError("refused: \(result.compactText)")
                    }
                    answers.append(body)
                }
            }
            return answers
        }

        private func usage(_ answer: JSONValue) throws -> JSONValue {
            guard let id = answer["usage_id"], id.string != nil else {
                throw FriendlyError("no usage: \(answer.compactText)")
            }
            return id
        }

        private func post(
            _ verb: String, _ body: JSONValue, _ authorization: String? = nil
        ) async throws -> JSONValue {
            let answer = try await client.send(
                HTTPRequest(
                    "POST", "http://127.0.0.1:\(port)/career/internal/usage/\(verb)",
                    headers: [
                        ("Content-Type", "application/json"),
                        ("X-Internal-API-Key", "dev-internal-key"),
                    ] + (authorization.map { [("Authorization", $0)] } ?? []),
                    body: Array(body.compactText.utf8), timeout: .seconds(120)))
            guard answer.status == 200 else {
                let text = String(decoding: answer.body, as: UTF8.self)
                throw FriendlyError("\(verb): \(answer.status) \(text)")
            }
            return try JSONValue.parse(answer.body)
        }
    }
}

extension Optional where Wrapped: Sendable {
    fileprivate func asyncMap<Value>(
        _ transform: (Wrapped) async throws -> Value
    ) async rethrows -> Value? {
        guard let self else { return nil }
        return try await transform(self)
    }
}
