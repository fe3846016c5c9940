import Foundation
import HTTPEndpoint
import HTTPTypes
import JSON
import Logging
import NIOHTTP1
import Synchronization
import Testing
import UsageBatch

/// The batch over verbs of the tests' own: what it does with its operations, whatever they are.
@Suite("A batch of calls")
struct BatchTests {
    @Test("Each operation is answered in its place, and one that is refused disturbs no other")
    func places() async throws {
        let batch = Batch()
        let operations: [JSONValue] = [
            7, ["op": "note", "text": "a"], nil, ["op": "brew"], ["text": "b"], ["op": nil],
            ["op": "note"], ["op": "note", "text": 7], [], "note", ["op": "note", "text": "c"],
            ["op": "fail"], ["op": "ask", "token": "ann"],
        ]
        let results = try await batch.results(operations)
        #expect(
            results.map { $0["status"]?.int } == [
                422, 200, 422, 422, 422, 422, 422, 422, 422, 422, 200, 500, 200,
            ])
        #expect(batch.diary.lines == ["a by .1", "c by .10", "ann by .12"])
        func wrong(_ place: Int) -> [JSONValue?] {
            (results[place]["body"]?["errors"]?.array ?? []).flatMap { [$0["loc"], $0["type"]] }
        }
        for place in [0, 2, 8, 9] { #expect(wrong(place) == [["body"], "object_type"]) }
        for place in [3, 5] { #expect(wrong(place) == [["body", "op"], "enum"]) }
        #expect(wrong(4) == [["body", "op"], "missing"])
        #expect(wrong(6) == [["body", "text"], "missing"])
        #expect(wrong(7) == [["body", "text"], "string_type"])
    }

    @Test("A token counts in its own operation alone, and the request's own in none")
    func tokens() async throws {
        let batch = Batch()
        let results = try await batch.results(
            [
                ["op": "ask"], ["op": "ask", "token": "ann"], ["op": "ask"],
                ["op": "ask", "token": 7], ["op": "ask", "token": "mallory"],
                ["op": "ask", "token": "bob", "text": 7], ["op": "ask", "token": "", "text": 7],
            ], headers: ["Authorization": "Bearer carl"])
        #expect(results.map { $0["status"]?.int } == [401, 200, 401, 401, 401, 422, 401])
        #expect(batch.diary.lines == ["ann by .1"])
        let told = JSONValue.object(["WWW-Authenticate": "Bearer"])
        #expect(results.map { $0["headers"] } == [told, nil, told, told, told, nil, told])
    }

    @Test("Operations are performed in their order, though a caller has to be looked up first")
    func order() async throws {
        let batch = Batch()
        let operations: [JSONValue] = (0..<256).map { number in
            number % 2 == 0
                ? ["op": "ask", "token": .string("slow-\(number)")]
                : ["op": "note", "text": .string("\(number)")]
        }
        let results = try await batch.results(operations)
        #expect(results.count == 256 && results.allSatisfy { $0["status"] == 200 })
        #expect(
            batch.diary.lines
                == (0..<256).map { ($0 % 2 == 0 ? "slow-\($0)" : "\($0)") + " by .\($0)" })
    }

    @Test("Nothing asked is nothing answered, and more than 256 are refused whole")
    func bounds() async throws {
        let batch = Batch()
        #expect(try await batch.results([]) == [])
        let note: JSONValue = ["op": "note", "text": "a"]
        for (body, type) in [
            (["operations": .array(Array(repeating: note, count: 257))], "list_too_long"),
            ([:], "missing"), (["operations": nil], "list_type"),
            (["operations": [:]], "list_type"), ([], "object_type"),
        ] as [(JSONValue, JSONValue)] {
            let problem = await #expect(throws: Problem.self) { try await batch.answer(body) }
            #expect(problem?.status == 422)
            #expect(problem?.errors.map { JSONValue.string($0.type) } == [type])
        }
        #expect(batch.diary.lines == [])
    }

    @Test("What finds no room is refused whole, before anything is done")
    func room() async throws {
        let batch = Batch(canTake: { $0 <= 1 })
        let note: JSONValue = ["op": "note", "text": "a"]
        #expect(try await batch.results([note])[0]["status"] == 200)
        await #expect(throws: Problem.overloaded) { try await batch.results([note, note]) }
        #expect(batch.diary.lines == ["a by .0"])
    }

    @Test("If nothing could be decided the whole is 503, and else each in its place")
    func unavailable() async throws {
        let batch = Batch()
        let away: JSONValue = ["op": "note", "text": "away"]
        await #expect(throws: Problem.databaseUnavailable) {
            try await batch.results([away, away])
        }
        let results = try await batch.results([away, ["op": "brew"], away])
        #expect(results.map { $0["status"]?.int } == [503, 422, 503])
        #expect(results[0]["headers"] == ["Retry-After": "2"])
    }

    @Test("Each operation is counted as the single call is, under a name of its own")
    func observed() async throws {
        let batch = Batch()
        _ = try await batch.results([
            ["op": "note", "text": "a"], ["op": "brew"], ["op": "ask"], ["op": "note"],
        ])
        #expect(
            batch.diary.observed.sorted() == [
                "batch-7.0 POST /at/note 200", "batch-7.2 POST /at/ask 401",
                "batch-7.3 POST /at/note 422",
            ])
    }

    @Test("What an operation prefers reaches its call, and what the request prefers does not")
    func preference() async throws {
        let batch = Batch()
        let results = try await batch.results(
            [
                ["op": "note", "text": "a", "prefer": "respond-async"],
                ["op": "note", "text": "b"], ["op": "note", "text": "c", "prefer": 7],
            ], headers: ["Prefer": "respond-async"])
        #expect(results.map { $0["status"]?.int } == [202, 200, 200])
        #expect(results[0]["headers"] == ["Preference-Applied": "respond-async"])
    }
}

/// What was done, in its order.
private final class Diary: Sendable {
    private let state = Mutex<(lines: [String], observed: [String])>(([], []))
    var lines: [String] { state.withLock { $0.lines } }
    var observed: [String] { state.withLock { $0.observed } }

    func note(_ text: String, _ call: Call) {
        state.withLock { $0.lines.append("\(text) by \(call.id.dropFirst("batch-7".count))") }
    }
}

extension Diary: RequestObserver {
    func observe(_ observation: Observation) {
        let line = [
            observation.requestID, observation.method, observation.route,
            String(observation.status),
        ].joined(separator: " ")
        state.withLock { $0.observed.append(line) }
    }
}

/// A batch endpoint over three verbs: `note` takes a text, `ask` a user, `fail` has a defect.
private struct Batch {
    let diary = Diary()
    private let endpoint: Endpoint

    init(canTake: @escaping @Sendable (Int) -> Bool = { _ in true }) {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let diary = diary
        endpoint = batchEndpoint(
            "/at/batch",
            [
                Endpoint(.post, "/at/note", tag: "", Note(diary: diary)),
                Endpoint(.post, "/at/ask", tag: "", Ask(diary: diary)),
                Endpoint(.post, "/at/fail", tag: "", Fail()),
            ],
            calls: CallHandler(
                gatekeeper: Names(), observer: diary, logger: logger, translate: { _ in nil }),
            canTake: canTake)
    }

    func answer(_ body: JSONValue, headers: HTTPHeaders = [:]) async throws -> Answer {
        let headers = RequestHeaders(headers)
        let work = try endpoint.prepare(
            InputReader.Source(path: [:], query: [:], headers: headers, body: body, bytes: []))
        return try await work(Call(id: "batch-7", headers: headers, remoteAddress: ""))
    }

    func results(
        _ operations: [JSONValue], headers: HTTPHeaders = [:]
    ) async throws -> [JSONValue] {
        let answer = try await answer(["operations": .array(operations)], headers: headers)
        #expect(answer.status == 200)
        return try JSONValue.parse(answer.body)["results"]?.array ?? []
    }
}

/// Whoever is named gets in but Mallory; who is slow waits until all others have begun.
private struct Names: Gatekeeper {
    func admit(_ call: inout Call, to access: Access) async throws {
        guard access.needsUser else { return }
        guard let header = call.headers[.authorization], header.count > 7 else {
            throw Problem.unauthorized
        }
        if header.contains("mallory") { throw Problem.unauthorized }
        if header.contains("slow") { for _ in 0..<300 { await Task.yield() } }
        call.caller = Caller(userID: UUID(), sessionID: nil)
    }

    func confirmActive(_ caller: Caller) async throws {}
}

private struct Text: JSONInput {
    let text: String
    static let about = ""

    init(_ reader: inout ObjectReader) {
        text = reader.required("text", .text(1...9), "")
    }
}

/// What `ask` takes: nothing but what may be wrong.
private struct Anything: JSONInput {
    static let about = ""

    init(_ reader: inout ObjectReader) {
        _ = reader.optional("text", .text(1...9), "")
    }
}

private struct Note: Action {
    let diary: Diary
    static let about = About("", access: .internalKey)

    struct Input: Sendable {
        let text: String
        let isAsynchronous: Bool
    }

    func read(_ input: inout InputReader) -> Input {
        let prefer = input.header(.init("Prefer")!, "")
        return Input(
            text: input.body(Text.self).text, isAsynchronous: prefer == "respond-async")
    }

    func perform(_ input: Input, _ call: Call) async throws -> Reply<MessageResponse> {
        if input.text == "away" { throw Problem.databaseUnavailable }
        diary.note(input.text, call)
        await Task.yield()
        guard input.isAsynchronous else { return Reply(MessageResponse("Noted.")) }
        return Reply(
            MessageResponse("Noted."), status: 202,
            headers: [.init("Preference-Applied")!: "respond-async"])
    }
}

private struct Ask: Action {
    let diary: Diary
    static let about = About("", access: .userAndInternalKey(activeUserCheckedBy: .decision))

    func read(_ input: inout InputReader) -> Anything { input.body(Anything.self) }

    func perform(_ input: Anything, _ call: Call) async throws -> Reply<MessageResponse> {
        _ = try call.user()
        diary.note(String(call.headers[.authorization]?.dropFirst(7) ?? "-"), call)
        await Task.yield()
        return Reply(MessageResponse("Asked."))
    }
}

private struct Fail: Action {
    struct Defect: Error {}

    static let about = About("", access: .internalKey)

    func read(_ input: inout InputReader) {}

    func perform(_ input: Void, _ call: Call) async throws -> Reply<MessageResponse> {
        throw Defect()
    }
}
