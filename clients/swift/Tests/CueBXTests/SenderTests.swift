import Synchronization
import Testing

@testable import CueBX

private let fine = Reply.success(Answer(status: 200, headers: [:], body: [:]))

private func refusal(_ status: Int, retryAfter: String? = nil) -> Reply {
    .success(
        Answer(status: status, headers: retryAfter.map { ["retry-after": $0] } ?? [:], body: [:]))
}

/// A service that answers as it is told, and may keep the first batch waiting.
@ClientActor
private final class Service {
    var batches: [[Int]] = []
    /// By the operation's number; a list is worked off, then all is fine.
    var answers: [Int: [Reply]] = [:]
    let gate = Signal()
    lazy var sender = Sender(
        firstPause: .milliseconds(1), longestPause: .milliseconds(2), events: Events(listener: nil),
        exchange: { [unowned self] in await exchange($0) })
    private var gathered = 0

    init(isOpen: Bool = true) {
        if isOpen { gate.set() }
    }

    private func exchange(_ operations: [Operation]) async -> [Reply] {
        batches.append(operations.map { $0.body.value("n") ?? -1 })
        _ = await gate.wait(for: .seconds(20))
        return operations.map { operation in
            let number = operation.body.value("n") ?? -1
            guard var left = answers[number], !left.isEmpty else { return fine }
            defer { answers[number] = left }
            return left.removeFirst()
        }
    }

    /// Submits it, and gives what comes of it in the end.
    func ask(
        _ number: Int, _ verb: String = "commit", padding: Int = 0, isRest: Bool = false,
        deadline: Instant? = nil
    ) -> Asked {
        let asked = Asked()
        let body: JSONObject = [
            "n": .int(number), "text": .string(String(repeating: "x", count: padding)),
        ]
        asked.operation = Operation(verb, body, deadline: deadline, isRest: isRest) {
            asked.reply = $0
            asked.done.set()
        }
        sender.submit(asked.operation!)
        return asked
    }

    /// Until the first batch is with the service.
    func heldFirst() async {
        _ = ask(0)
        while batches.isEmpty { await Task.yield() }
    }
}

@ClientActor
private final class Asked {
    var operation: Operation?
    var reply: Reply?
    let done = Signal()

    var status: Int? {
        get async {
            _ = await done.wait(for: .seconds(20))
            return if case .success(let answer) = reply { answer.status } else { nil }
        }
    }
}

@ClientActor
struct SenderTests {
    @Test func whatGathersGoesTogetherAndAtMost256() async {
        let service = Service(isOpen: false)
        await service.heldFirst()
        let others = (1...600).map { service.ask($0) }
        service.gate.set()
        for other in others { #expect(await other.status == 200) }
        #expect(service.batches.map(\.count) == [1, 256, 256, 88])
        #expect(service.sender.outstanding == 0)
    }

    @Test func aBatchIsSmallerThanAMebibyteAndALargeOperationGoesAlone() async {
        let service = Service(isOpen: false)
        await service.heldFirst()
        let large = (1...4).map { service.ask($0, padding: mostBytes / 3) }
        let huge = service.ask(5, padding: mostBytes + 1)
        service.gate.set()
        for one in large + [huge] { #expect(await one.status == 200) }
        #expect(service.batches == [[0], [1, 2], [3, 4], [5]])
    }

    @Test func whatASpoolHeldIsAQuarterOfABatchBehindWhatIsLive() async {
        let service = Service(isOpen: false)
        await service.heldFirst()
        let rest = (1000..<1200).map { service.ask($0, isRest: true) }
        let live = (1...250).map { service.ask($0) }
        service.gate.set()
        for one in rest + live { #expect(await one.status == 200) }
        #expect(service.batches[1] == Array(1...250) + Array(1000..<1006))
        #expect(service.batches.allSatisfy { $0.count { $0 >= 1000 } <= mostOfTheRest })
    }

    @Test(arguments: [408, 429, 500, 502, 503, 504, 404])
    func aCommitIsSentUntilItsAnswerIsFinal(_ status: Int) async {
        let service = Service()
        service.answers[1] = [refusal(status), .failure(.late), refusal(status)]
        #expect(await service.ask(1).status == 200)
        #expect(service.batches.count == 4)
    }

    @Test(arguments: [200, 202, 400, 409, 413, 415, 422])
    func aFinalAnswerOfACommitIsTakenAtOnce(_ status: Int) async {
        let service = Service()
        service.answers[1] = [refusal(status)]
        #expect(await service.ask(1).status == status)
        #expect(service.batches.count == 1)
    }

    @Test(arguments: [200, 401, 402, 409, 422, 429, 500])
    func aValidateIsAskedAgainOnlyIfNothingWasDecided(_ status: Int) async {
        let service = Service()
        service.answers[1] = [.failure(.unread), refusal(503, retryAfter: "0"), refusal(status)]
        #expect(await service.ask(1, "validate").status == status)
        #expect(service.batches.count == 3)
    }

    @Test func aRetryAfterBeyondTheDeadlineEndsTheTries() async {
        let service = Service()
        service.answers[1] = [refusal(503, retryAfter: "60")]
        let asked = service.ask(1, "validate", deadline: .now + .seconds(30))
        #expect(await asked.status == 503)
        #expect(service.batches.count == 1)
    }

    @Test func whatIsOverIsNotSent() async {
        let service = Service()
        let asked = service.ask(1, deadline: .now - .seconds(1))
        #expect(await asked.status == nil)
        #expect(service.batches.isEmpty)
    }

    @Test func anAbandonedQuestionIsAskedOnOnlyIfItMayBeHeld() async {
        let service = Service(isOpen: false)
        await service.heldFirst()
        let never = service.ask(1, "validate")
        service.sender.abandon(never.operation!)
        service.answers[2] = [.failure(.late)]
        let unsure = service.ask(2, "validate")
        unsure.operation?.isUnsure = true
        service.sender.abandon(unsure.operation!)
        service.gate.set()
        #expect(await unsure.status == 200)
        #expect(await never.status == nil)
        #expect(service.batches == [[0], [2], [2]])
    }

    @Test func anUnknownVerbOfAnOlderServiceIsFinalForAllButACommit() async {
        let service = Service()
        service.answers = [1: [refusal(404)], 2: [refusal(404)]]
        #expect(await service.ask(1, "extend").status == 404)
        #expect(await service.ask(2, "commit").status == 200)
    }
}

@ClientActor
struct SignalTests {
    @Test func aWaitEndsWithWhatItWaitsForWithTheSpanOrWithItsTask() async {
        let signal = Signal()
        #expect(await signal.wait(for: .milliseconds(1)) == false)
        let canceled = Task { await signal.wait(for: .seconds(60)) }
        canceled.cancel()
        #expect(await canceled.value == false)
        let stubborn = Task { await signal.wait(for: .seconds(60), heedsCancellation: false) }
        stubborn.cancel()
        await Task.yield()
        signal.set()
        #expect(await stubborn.value)
        #expect(await signal.wait(for: .zero))
    }
}
