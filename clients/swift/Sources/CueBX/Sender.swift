/// Of a batch, for what a spool still held: it never delays live calls by more.
let mostOfTheRest = mostOperations / 4
/// For so long a validate that nobody waits for any more is asked about, if its hold may be open.
let askedInTheBackground = Duration.seconds(60)
/// A commit is not kept waiting longer, whatever Retry-After says.
private let longestRetryAfter = Duration.seconds(3600)
/// What a commit, or another operation on an open usage, is told for good.
private let finalStatuses: Set = [200, 202, 400, 409, 413, 415, 422]
private let finalCodes: Set = [
    "usage_not_found", "usage_of_another_user", "usage_of_another_workspace",
]
/// What says that somebody else answers for the service.
private let away: Set = [502, 503, 504]
/// What a call that ran unasked is told for good, by the service itself.
private let finalOfRecords: Set = [200, 400, 402, 409, 413, 415, 422]

/// What waits to be sent of one product.
@ClientActor
private final class Lane {
    var live: [Operation] = []
    var rest: [Operation] = []
    var isRunning = false

    nonisolated init() {}
}

/// One loop a product that sends: whatever has gathered while its last request was in flight goes
/// next. There is no timer for a batch, so a lone call waits for nobody; nor does a user's call
/// wait for what the service does with customers' calls.
@ClientActor
final class Sender {
    /// Operations, and outcomes on their way to the disk, that are not settled yet.
    private(set) var outstanding = 0
    /// Those of them that a spool still held.
    private var outstandingRest = 0
    /// Operations of live calls that are not settled yet.
    var waiting: Int { outstanding - outstandingRest }
    /// Operations of live calls that are not in flight.
    var queued: Int { users.live.count + customers.live.count }
    private let (users, customers) = (Lane(), Lane())
    /// Called with the instant of each answer by which the service has decided anything on users'
    /// calls. What it says to customers does not tell whether users are answered.
    var heard: @ClientActor (Instant) -> Void = { _ in }
    private var isStopped = false
    private var timers: [Int: Task<Void, Never>] = [:]
    private var timersMade = 0
    private var idlers: [Signal] = []
    private let exchange: @ClientActor ([Operation]) async -> [Reply]
    private let events: Events
    private let firstPause: Duration
    private let longestPause: Duration

    /// - exchange: what came of each operation, in order; all are of one product.
    nonisolated init(
        firstPause: Duration, longestPause: Duration, events: Events,
        exchange: @escaping @ClientActor ([Operation]) async -> [Reply]
    ) {
        self.firstPause = firstPause
        self.longestPause = longestPause
        self.events = events
        self.exchange = exchange
    }

    func submit(_ operation: Operation) {
        count(1, isRest: operation.isRest)
        enqueue(operation)
    }

    func later(_ span: Duration, _ callback: @escaping @ClientActor () -> Void) {
        if isStopped { return }
        timersMade += 1
        let number = timersMade
        timers[number] = after(span) { [weak self] in
            self?.timers[number] = nil
            callback()
        }
    }

    func count(_ change: Int, isRest: Bool = false) {
        outstanding += change
        if isRest { outstandingRest += change }
        guard outstanding == 0 else { return }
        let idlers = idlers
        self.idlers = []
        for idler in idlers { idler.set() }
    }

    /// Whether nothing is outstanding any more within the span.
    func becomesIdle(within span: Duration) async -> Bool {
        if outstanding == 0 { return true }
        let idle = Signal()
        idlers.append(idle)
        return await idle.wait(for: span, heedsCancellation: false)
    }

    /// Nobody waits for it any more; if the service may hold something for it, it is asked on.
    func abandon(_ operation: Operation) {
        operation.isAbandoned = true
        operation.deadline = .now + askedInTheBackground
        kick(lane(of: operation))
    }

    /// It is not sent again, whatever came of it.
    func drop(_ operation: Operation) {
        operation.deadline = .now
        kick(lane(of: operation))
    }

    func stop() {
        isStopped = true
        for timer in timers.values { timer.cancel() }
        timers = [:]
    }

    private func enqueue(_ operation: Operation) {
        let lane = lane(of: operation)
        if operation.isRest { lane.rest.append(operation) } else { lane.live.append(operation) }
        kick(lane)
    }

    private func lane(of operation: Operation) -> Lane {
        operation.product == .career ? users : customers
    }

    private func kick(_ lane: Lane) {
        if lane.isRunning || isStopped { return }
        lane.isRunning = true
        // What is asked before this task has its turn goes into the same batch.
        Task { @ClientActor in await run(lane) }
    }

    private func run(_ lane: Lane) async {
        while !isStopped {
            let (over, batch) = take(from: lane, at: .now)
            for operation in over {
                end(
                    operation,
                    .failure(
                        NoAnswer(message: "the service was not reached in time", wasSent: false)))
            }
            if !batch.isEmpty {
                let replies = await exchange(batch)
                for (operation, reply) in zip(batch, replies) { judge(operation, reply) }
            } else if over.isEmpty {
                break
            }
        }
        lane.isRunning = false
    }

    /// What is over, and the next batch.
    private func take(
        from lane: Lane, at now: Instant
    ) -> (over: [Operation], batch: [Operation]) {
        var (over, batch): ([Operation], [Operation]) = ([], [])
        var size = 0
        func drain(_ queue: inout [Operation], most: Int) {
            var (read, taken) = (0, 0)
            for operation in queue where taken < most && batch.count < mostOperations {
                if operation.isOver(at: now) {
                    over.append(operation)
                } else {
                    size += operation.element.count + 1
                    if size > mostBytes && !batch.isEmpty { break }
                    batch.append(operation)
                    taken += 1
                }
                read += 1
            }
            queue.removeFirst(read)
        }
        drain(&lane.live, most: mostOperations)
        drain(&lane.rest, most: mostOfTheRest)
        return (over, batch)
    }

    private func judge(_ operation: Operation, _ reply: Reply) {
        operation.attempts += 1
        operation.last = reply
        switch reply {
        case .failure(let none): if none.wasSent { operation.isUnsure = true }
        case .success(let answer):
            let isDecided = answer.isOwn && !away.contains(answer.status)
            if isDecided && operation.product == .career { heard(.now) }
            if [500, 502, 504].contains(answer.status) { operation.isUnsure = true }
        }
        if Self.isFinal(operation, reply) { return end(operation, reply) }
        let pause = pause(before: operation, reply)
        let next = ContinuousClock.now + pause
        let last = [operation.deadline, operation.retryUntil].compactMap { $0 }.min()
        if let last, next >= last { return end(operation, reply) }
        let reason =
            switch reply {
            case .success(let answer): "status \(answer.status)"
            case .failure(let none): none.message
            }
        events.tell(
            "retrying",
            [
                "operation": operation.name, "attempt": String(operation.attempts),
                "seconds": String(pause.seconds), "reason": reason,
            ])
        later(pause) { [weak self] in self?.enqueue(operation) }
    }

    /// Full jitter: somewhere between nothing and what doubles with each try.
    private func pause(before operation: Operation, _ reply: Reply) -> Duration {
        let doubled = firstPause * Double(1 << min(operation.attempts - 1, 30))
        let pause = min(longestPause, doubled) * Double.random(in: 0...1)
        guard case .success(let answer) = reply, let asked = answer.retryAfter else { return pause }
        return max(pause, operation.name == "validate" ? asked : min(asked, longestRetryAfter))
    }

    private func end(_ operation: Operation, _ reply: Reply) {
        operation.done(reply)
        count(-1, isRest: operation.isRest)
    }

    private static func isFinal(_ operation: Operation, _ reply: Reply) -> Bool {
        guard case .success(let answer) = reply else { return false }
        if operation.name == "validate" { return ![408, 502, 503, 504].contains(answer.status) }
        if operation.name == "record" {
            // It is told again to a service that does not take it yet: an older one, or by its
            // setting.
            let isTaken =
                answer.isOwn && finalOfRecords.contains(answer.status) && !answer.isUnknownVerb
            return answer.status == 200 || isTaken || answer.code == "user_not_found"
        }
        // An older service has no such verb.
        if operation.name != "commit" && answer.isNoAddress { return true }
        let isDecided =
            answer.isOwn && (![401, 429].contains(answer.status) || answer.isCustomers)
        // It may have been carried out before: who did not judge it cannot say that it was not.
        if !operation.mustBeTold && operation.isUnsure && !isDecided { return false }
        // A refused raise is an answer, and what waits behind it must not wait for it.
        if !operation.mustBeTold && (400..<500).contains(answer.status) && answer.status != 408 {
            return true
        }
        return finalStatuses.contains(answer.status) || finalCodes.contains(answer.code)
    }
}
