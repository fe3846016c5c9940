import Database
import Identity
import JSON
import Synchronization
import TestFixtures
import Testing
import Users
import Values

@Suite("A form's token is of one browser, and its form acts once")
struct FormTokensTests {
    private final class Hands: Sendable {
        let time = Mutex(TestCatalog.start)
        var clock: DecisionClock { DecisionClock { [self] in time.withLock { $0 } } }
    }

    private let hands = Hands()

    private func withTokens(
        _ secrets: [String] = ["one"], _ body: (FormTokens, any Database) async throws -> Void
    ) async throws {
        try await withTemporaryDatabase { database in
            try await body(
                FormTokens(
                    secrets: TokenHashSecrets(secrets), database: database, clock: hands.clock),
                database)
        }
    }

    @Test("A token is good for its browser, for twelve hours, and as it is")
    func good() async throws {
        try await withTokens { tokens, database in
            let token = tokens.make(for: "browser")
            #expect(tokens.isGood(token, of: ["browser"]))
            #expect(tokens.isGood(token, of: ["other", "browser"]))
            #expect(!tokens.isGood(token, of: ["other"]) && !tokens.isGood(token, of: []))
            for broken in [
                "", ".", token + "A", String(token.dropLast()), String(token.dropFirst()),
                token.replacing(".", with: ""), token + "." + token,
            ] {
                #expect(!tokens.isGood(broken, of: ["browser"]), "\(broken)")
            }
            let rotated = FormTokens(
                secrets: TokenHashSecrets(["two", "one"]), database: database, clock: hands.clock)
            #expect(rotated.isGood(token, of: ["browser"]))
            hands.time.withLock { $0 = $0.adding(seconds: 12 * 3600) }
            #expect(tokens.isGood(token, of: ["browser"]))
            hands.time.withLock { $0 = $0.adding(seconds: 1) }
            #expect(!tokens.isGood(token, of: ["browser"]))
        }
    }

    @Test("An act begins once; whoever sends it again hears what it led to")
    func once() async throws {
        try await withTokens { tokens, _ in
            let act = tokens.act("token", "/place", "a=1")
            guard case .begun = try await tokens.begin(act) else {
                Issue.record("it was begun before")
                return
            }
            async let second = tokens.begin(act)
            try await tokens.finish(act, ["location": "/there"])
            guard case .done(let outcome) = try await second else {
                Issue.record("the second did not hear of the first")
                return
            }
            #expect(outcome["location"] == "/there")
            #expect(try await tokens.outcome(act)?["location"] == "/there")
        }
    }

    @Test("Where a form led lies sealed in the table, for its own act alone")
    func sealed() async throws {
        try await withTokens { tokens, database in
            let (act, other) = (tokens.act("t", "/p", "a=1"), tokens.act("t", "/p", "a=2"))
            for act in [act, other] { _ = try await tokens.begin(act) }
            try await tokens.finish(act, ["location": "/invitations/SECRET"])
            let text = try #require(
                try await database.read { connection -> String? in
                    let row = try connection.queryOne(
                        "SELECT outcome FROM form_tokens WHERE token_hash = ?", [.blob(act)])
                    guard var reader = row?.reader else { return nil }
                    return try reader.text()
                })
            #expect(!text.isEmpty && !text.contains("invitations") && !text.contains("SECRET"))
            #expect(try await tokens.outcome(act)?["location"] == "/invitations/SECRET")
            // A row that was moved to another act does not open; one of an earlier version is read.
            let clear = "{\"location\":\"/a\"}"
            for (text, isRead) in [(text, false), ("nonsense", false), (clear, true)] {
                _ = try await database.write { connection in
                    try connection.execute(
                        "UPDATE form_tokens SET outcome = ? WHERE token_hash = ?",
                        [.text(text), .blob(other)])
                }
                var location: JSONValue?
                do {
                    location = try await tokens.outcome(other)?["location"]
                } catch {
                    #expect(!isRead, "\(error)")
                }
                #expect(location == (isRead ? "/a" : nil))
            }
        }
    }

    @Test("An act that was refused may be tried again, by one of many at once")
    func refused() async throws {
        try await withTokens { tokens, _ in
            let act = tokens.act("token", "/place", "a=1")
            _ = try await tokens.begin(act)
            try await tokens.giveUp(act)
            let begun = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        guard case .begun = try await tokens.begin(act) else { return false }
                        try await tokens.finish(act, ["location": "/there"])
                        return true
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(begun == 1)
        }
    }

    @Test("Another token, place or field is another act")
    func acts() async throws {
        try await withTokens { tokens, _ in
            let acts = [
                tokens.act("t", "/p", "a=1"), tokens.act("u", "/p", "a=1"),
                tokens.act("t", "/q", "a=1"), tokens.act("t", "/p", "a=2"),
                tokens.act("t/p", "", "a=1"),
            ]
            #expect(Set(acts).count == acts.count)
            let (act, other) = (tokens.act("t", "/", "a=1"), tokens.act("t", "/", "a=2"))
            #expect(tokens.sessionSecret(act) == tokens.sessionSecret(act))
            #expect(tokens.sessionSecret(act) != tokens.sessionSecret(other))
        }
    }
}
