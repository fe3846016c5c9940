import Synchronization
import Testing

@testable import CueBX

/// How much may run unasked, and when it may not, by clocks that are moved by hand.
@ClientActor
private final class Case {
    let outage: Outage
    private let told = Told()
    private var clock: Clock
    /// Whether the usages of which it is asked run.
    var isRunning = true

    final class Clock {
        var moment = Outage.Moment(at: .now, unix: 1_800_000_000)
    }

    final class Told: Sendable {
        let reasons = Mutex<[String]>([])
    }

    init(
        most: String = "100", _ verify: @escaping OutagePolicy.VerifyToken = { token in token }
    ) {
        let (clock, told) = (Clock(), told)
        self.clock = clock
        let policy = OutagePolicy.failOpenWithJournal(
            maxCredits: most, maxDuration: .seconds(60), verifyToken: verify)
        outage = Outage(
            policy,
            events: Events(listener: { event in
                told.reasons.withLock { $0.append(event.fields["reason"] ?? event.name) }
            }), now: { clock.moment })
    }

    func advance(seconds: Double) {
        clock.moment.at += .seconds(seconds)
        clock.moment.unix += seconds
    }

    var now: Outage.Moment { clock.moment }

    /// The call's name, or why it may not run.
    func run(_ user: String, _ request: String? = nil) async throws -> String {
        let asking = try Asking(
            feature: "f", user: user, payload: "", details: CallDetails(requestId: request))
        let journal = try await outage.open(asking, ranAt: now.unix) { _ in isRunning }
        return journal?.usageId ?? told.reasons.withLock { $0.last ?? "" }
    }
}

@ClientActor
struct OutageTests {
    @Test func aUserHasATenthAndAllOfThemTheWhole() async throws {
        let test = Case()
        #expect(try await test.run("ada") == "the feature's hold was never seen")
        test.outage.saw("f", "4.00")
        #expect(isJournal(try await test.run("ada")))
        #expect(isJournal(try await test.run("ada")))
        #expect(try await test.run("ada") == "the user's part is used up")
        var last = ""
        for number in 0..<23 { last = try await test.run("user-\(number)") }
        #expect(isJournal(last))
        #expect(try await test.run("late") == "the ceiling is reached")
        test.outage.forget(last)
        #expect(isJournal(try await test.run("late")) && test.outage.total == 100_000_000)
    }

    @Test func afterAWhileNothingBeginsUntilTheServiceWasHeard() async throws {
        let test = Case()
        test.outage.saw("f", "1.00")
        #expect(isJournal(try await test.run("ada")))
        test.advance(seconds: 60)
        #expect(test.outage.isOn)
        #expect(isJournal(try await test.run("ada")))
        test.advance(seconds: 1)
        #expect(try await test.run("ben") == "the outage lasts too long")
        test.outage.heardAt = test.now.at
        #expect(!test.outage.isOn)
        test.advance(seconds: 1)
        // What was not told yet still counts.
        #expect(isJournal(try await test.run("ben")) && test.outage.total == 3_000_000)
    }

    @Test func aProcessThatBeginsInAnOutageGoesOnWithIt() async throws {
        let test = Case()
        test.outage.sawBefore(["f": "8.00", "g": "x", "h": 5])
        test.outage.adopt(
            "journal-x",
            [
                "user_id": "ada", "feature_key": "f",
                "ran_at": .string(wireInstant(ofUnixSeconds: Int(test.now.unix) - 50)),
            ])
        #expect(try await test.run("ada") == "the user's part is used up")
        #expect(isJournal(try await test.run("ben")))
        test.advance(seconds: 11)
        #expect(try await test.run("cyd") == "the outage lasts too long")
    }

    @Test func theSameRequestNeverRunsTwice() async throws {
        let test = Case()
        test.outage.saw("f", "1.00")
        let first = try await test.run("ada", "one")
        let error = await #expect(throws: CueBXError.self) { try await test.run("ada", "one") }
        #expect(error?.kind == .alreadyRunning && error?.usageId == first)
        #expect(try await test.run("ben", "one") != first)
        test.outage.forget(first)
        #expect(try await test.run("ada", "one") == first)
        test.outage.acknowledged(first)
        test.isRunning = false
        let finished = await #expect(throws: CueBXError.self) { try await test.run("ada", "one") }
        #expect(finished?.kind == .alreadyFinished)
    }

    @Test func whatRanBeforeAnOutageDoesNotRunAgainInItAsLongAsItIsKnown() async throws {
        let test = Case()
        test.outage.saw("f", "1.00")
        func ran(_ request: String?) throws {
            let details = CallDetails(requestId: request)
            let asking = try Asking(feature: "f", user: "ada", payload: "", details: details)
            test.outage.granted(Outage.name(of: asking, "ada"), "u1")
        }
        try ran("one")
        let running = await #expect(throws: CueBXError.self) { try await test.run("ada", "one") }
        #expect(running?.kind == .alreadyRunning && running?.usageId == "u1")
        test.isRunning = false
        let error = await #expect(throws: CueBXError.self) { try await test.run("ada", "one") }
        #expect(error?.kind == .alreadyFinished && error?.status == 409)
        #expect(isJournal(try await test.run("ben", "one")))
        for number in 0..<16_384 { try ran("r\(number)") }
        _ = await #expect(throws: CueBXError.self) { try await test.run("ada", "one") }
        for number in 0..<16_384 { try ran("s\(number)") }
        #expect(isJournal(try await test.run("ada", "one")))
    }

    @Test func whatIsAdoptedCountsWhatItCountedWhereItRan() {
        let test = Case()
        test.outage.saw("f", "2.00")
        let body: JSONObject = ["user_id": "ada", "feature_key": "f"]
        test.outage.adopt("journal-a", body, counted: "7.00")
        test.outage.adopt("journal-b", body)
        test.outage.adopt("journal-c", body, counted: "x")
        #expect(test.outage.total == 11_000_000)
    }

    @Test func aTokenThatTheHostDoesNotVouchForIsRefused() async throws {
        struct Secret: Error {}
        for verify in [{ _ in nil }, { _ in "" }, { _ in "a\nb" }, { _ in throw Secret() }]
            as [OutagePolicy.VerifyToken]
        {
            let test = Case(verify)
            test.outage.saw("f", "1.00")
            let error = await #expect(throws: CueBXError.self) { try await test.run("t") }
            #expect(error?.kind == .invalidToken && test.outage.total == 0)
        }
    }

    @Test func onlyWhatSaysThatTheServiceIsAwayIsAnOutage() {
        let test = Case()
        let operation = Operation("validate", [:], deadline: nil) { _ in }
        func isOf(_ reply: Reply?) -> Bool {
            test.outage.isOf(operation, reply, askedAt: test.now.at)
        }
        func answer(_ status: Int) -> Reply {
            .success(Answer(status: status, headers: [:], body: [:]))
        }
        #expect(isOf(.failure(.unreached)) && isOf(.failure(.late)))
        #expect(isOf(answer(502)) && isOf(answer(503)))
        for status in [200, 401, 402, 404, 408, 409, 422, 429, 500, 504] {
            #expect(!isOf(answer(status)))
        }
        let over = Reply.failure(NoAnswer(message: "not in time", wasSent: false))
        #expect(isOf(over) && isOf(nil))
        // Others were answered meanwhile: it is no outage but a queue.
        test.outage.heardAt = test.now.at
        #expect(!isOf(over) && !isOf(nil))
        operation.last = .failure(.unread)
        #expect(!isOf(over) && !isOf(nil))
        operation.last = .failure(.late)
        #expect(isOf(over) && isOf(nil))
    }

    @Test func aPolicyThatMakesNoSenseIsRefused() {
        func policy(_ most: String, _ seconds: Double) -> OutagePolicy {
            .failOpenWithJournal(
                maxCredits: most, maxDuration: .seconds(seconds), verifyToken: { $0 })
        }
        for policy in [policy("0", 1), policy("-1", 1), policy("1", 0), policy("1", 86_401)] {
            #expect(throws: CueBXError.self) { try policy.judge(hasDisk: true) }
        }
        #expect(throws: CueBXError.self) { try policy("1", 1).judge(hasDisk: false) }
    }

    @Test(arguments: [("0", 0, "0.000000"), ("1.5", 1_500_000, "1.500000")])
    func creditsAreExact(_ text: String, _ micros: Int, _ decimal: String) {
        #expect(Micros(text).value == micros && Micros(text).decimal == decimal)
        #expect(wireInstant(ofUnixSeconds: 1_796_017_673) == "2026-11-30T05:47:53Z")
    }
}
