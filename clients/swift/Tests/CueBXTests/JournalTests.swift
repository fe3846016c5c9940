import Foundation
import Testing

@testable import CueBX

/// A service that a test plays; it is away where it answers nil.
@ClientActor
private final class Service {
    typealias Asked = CueBX.Operation

    var answer: @ClientActor (Asked) async -> Reply? = { _ in nil }
    private(set) var told: [Asked] = []
    /// How often it was asked, whether or not it answered.
    private(set) var asked = 0

    /// What it answers if nothing goes wrong.
    static func usual(_ asked: Asked) -> Reply {
        let body: JSONObject =
            asked.name == "validate"
            ? [
                "access": "granted", "usage_id": "u1", "user_id": "ada", "message": "Granted.",
                "credits_reserved": "1.00",
            ]
            : ["success": true, "message": "Committed.", "status": "FAILED"]
        return .success(Answer(status: 200, headers: [:], body: body))
    }

    private func exchange(_ operations: [Asked]) async -> [Reply] {
        var replies: [Reply] = []
        for operation in operations {
            asked += 1
            let reply = await answer(operation)
            if reply != nil { told.append(operation) }
            replies.append(reply ?? .failure(.unreached))
        }
        return replies
    }

    /// - held: by the feature `f`, when it was last asked for.
    func engine(in folder: Folder, held: String) async throws -> Engine {
        let files = FileManager.default
        try files.createDirectory(atPath: folder.spool, withIntermediateDirectories: true)
        let holds = Data(#"{"f":"\#(held)"}"#.utf8)
        try holds.write(to: URL(fileURLWithPath: "\(folder.spool)/holds.json"))
        var options = Options()
        options.validateBudget = .seconds(1)
        options.firstPause = .milliseconds(1)
        options.longestPause = .milliseconds(10)
        options.outage = .failOpenWithJournal(
            maxCredits: "100", maxDuration: .seconds(60), verifyToken: { $0 })
        let engine = Engine(
            url: "http://127.0.0.1:9", internalKey: Secret(text: "k"), folder: folder.spool,
            options: options, events: Events(listener: nil),
            exchange: { [self] in await exchange($0) })
        _ = await engine.spool.hasLooked.wait(for: .seconds(10))
        return engine
    }
}

@ClientActor
private func begin(_ engine: Engine, _ request: String? = nil) async throws -> Call {
    let asking = try Asking(
        feature: "f", user: "ada", payload: "", details: CallDetails(requestId: request))
    let client = try Client(url: "http://127.0.0.1:9", spool: "memory")
    return try await Entry(engine, asking).call(of: client)
}

/// One whose validate was sent before its budget was over: on a busy machine not each is.
@ClientActor
private func beginAsked(_ engine: Engine, of service: Service) async throws -> Call {
    while true {
        let call = try await begin(engine)
        if service.asked > 0 { return call }
        await call.end(CancellationError())
    }
}

private func records(in folder: Folder) throws -> [JSONObject] {
    let name = try #require(folder.names().first { $0.hasSuffix(".spool") })
    let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(folder.spool)/\(name)"))
    return try SpoolFormat.decode(Array(bytes))
}

/// Whole calls that run while the service is away.
@ClientActor
struct JournalTests {
    @Test func whatAStreamHandsOutFirstIsOnTheDiskBefore() async throws {
        let (folder, left) = (try Folder(), try Folder())
        let engine = try await Service().engine(in: folder, held: "4.00")
        let call = try await begin(engine)
        try await call.produced("one".content)
        let part = try #require(try records(in: folder).last)
        let operations: [JSONObject] = part.value("operations") ?? []
        #expect(part["r"] == "outcome" && part["counted"] == "4.00")
        #expect(operations.map { $0["op"] } == ["record"] && operations[0]["counted"] == nil)
        // As a process that died would leave it; meanwhile the feature holds less.
        try FileManager.default.copyItem(atPath: folder.spool, toPath: left.spool)
        let next = try await Service().engine(in: left, held: "1.00")
        #expect(next.outage.total == 4_000_000)
        _ = await next.close(within: .zero)
        try await call.produced("two".content)
        await call.end()
        #expect(try records(in: folder).map { $0["r"] } == ["open", "outcome", "outcome"])
        _ = await engine.close(within: .zero)
    }

    @Test func whatALateValidateHoldsIsGivenBackIfTheCallDeliversNothing() async throws {
        let (folder, service, gate) = (try Folder(), Service(), Signal())
        service.answer = { asked in
            if asked.name == "validate" { _ = await gate.wait(for: .seconds(10)) }
            return Service.usual(asked)
        }
        let engine = try await service.engine(in: folder, held: "1.00")
        let call = try await beginAsked(engine, of: service)
        #expect(call.isJournaled)
        await call.end(CancellationError())
        gate.set()
        #expect(await engine.flush(within: .seconds(10)))
        let commit = try #require(service.told.last)
        #expect(commit.name == "commit" && commit.body["usage_id"] == "u1")
        #expect(commit.body["success"] == false)
        _ = await engine.close(within: .zero)
    }

    @Test func whatALostValidateMayHoldIsAskedForAndGivenBack() async throws {
        let (folder, service) = (try Folder(), Service())
        service.answer = { _ in .failure(.late) }
        let engine = try await service.engine(in: folder, held: "1.00")
        let call = try await beginAsked(engine, of: service)
        service.answer = { Service.usual($0) }
        await call.end(CancellationError())
        #expect(await engine.flush(within: .seconds(10)))
        #expect(service.told.suffix(2).map(\.name) == ["validate", "commit"])
        _ = await engine.close(within: .zero)
    }

    @Test func aCallThatWasGrantedDoesNotRunAgainInAnOutage() async throws {
        let (folder, service) = (try Folder(), Service())
        service.answer = { Service.usual($0) }
        let engine = try await service.engine(in: folder, held: "1.00")
        await (try await begin(engine, "one")).end()
        #expect(await engine.flush(within: .seconds(10)))
        service.answer = { _ in nil }
        let error = await #expect(throws: CueBXError.self) { try await begin(engine, "one") }
        #expect(error?.kind == .alreadyFinished)
        let call = try await begin(engine, "two")
        #expect(call.isJournaled)
        await call.end()
        _ = await engine.close(within: .zero)
    }
}
