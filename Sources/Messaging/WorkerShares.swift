import FoundationEssentials
import Synchronization

/// What a worker has in work, by queue, and so what it has room for.
final class WorkerShares: Sendable {
    /// A suspect that has been in work for so long lets the next one begin: it hangs, and what
    /// kills a worker has mostly done so by then.
    static let suspectPatience = Duration.seconds(2)
    /// How long after the last sign of work a worker dozes off: from then on it waits as long as
    /// its broker lets it (``MessageBroker/longestIdlePause``).
    static let wakefulTime = Duration.seconds(2)

    private struct State {
        var isRunning = false
        /// When work was last seen: claimed, ended, or enqueued in this process.
        var lastSign: ContinuousClock.Instant?
        /// Whether who waits would wait long, and is to be woken by what is enqueued.
        var isDozing = false
        var isClaiming = false
        /// Messages that were claimed so far.
        var claimed = 0
        var inWork: [MessageQueue: Int] = [:]
        var suspect: (id: UUID, since: ContinuousClock.Instant)?
        /// Queues that may have more than there was room for.
        var full: Set<MessageQueue> = []
        /// Whether a share of such a queue became free while nobody waited for it.
        var isRung = false
        var waiter: CheckedContinuation<Void, Never>?
        var onAllEnded: [CheckedContinuation<Void, Never>] = []

        var isWakeful: Bool {
            lastSign.map { ContinuousClock.now - $0 <= WorkerShares.wakefulTime } ?? false
        }

        var isWorking: Bool { isClaiming || !inWork.isEmpty }

        mutating func takeIdleWaiters() -> [CheckedContinuation<Void, Never>] {
            guard !isWorking else { return [] }
            defer { onAllEnded = [] }
            return onAllEnded
        }
    }

    private let state = Mutex(State())

    var isRunning: Bool { state.withLock { $0.isRunning } }
    var isWorking: Bool { state.withLock { $0.isWorking } }
    var claimed: Int { state.withLock { $0.claimed } }

    func setRunning(_ isRunning: Bool) { state.withLock { $0.isRunning = isRunning } }

    /// - Returns: what there is room for; `nil` while another claim is under way.
    func beginClaim() -> ClaimRoom? {
        state.withLock { state in
            guard !state.isClaiming else { return nil }
            state.isClaiming = true
            var room = ClaimRoom(each: 0)
            for queue in MessageQueue.allCases {
                room.free[queue] = queue.maximumInFlight - state.inWork[queue, default: 0]
            }
            if let suspect = state.suspect {
                room.takesSuspect = ContinuousClock.now - suspect.since > Self.suspectPatience
            }
            return room
        }
    }

    func endClaim(_ room: ClaimRoom, _ messages: [Message]) {
        let ended = state.withLock { state in
            state.isClaiming = false
            state.claimed += messages.count
            if !messages.isEmpty { state.lastSign = ContinuousClock.now }
            for message in messages {
                state.inWork[message.queue, default: 0] += 1
                if message.isSuspect { state.suspect = (message.id, ContinuousClock.now) }
            }
            state.full = Set(
                MessageQueue.allCases.filter { queue in
                    messages.count { $0.queue == queue } >= room.free(queue)
                })
            return state.takeIdleWaiters()
        }
        for waiter in ended { waiter.resume() }
    }

    func end(_ message: Message) {
        let waiters = state.withLock { state in
            state.lastSign = ContinuousClock.now
            let left = state.inWork[message.queue, default: 1] - 1
            state.inWork[message.queue] = left > 0 ? left : nil
            if state.suspect?.id == message.id { state.suspect = nil }
            var waiters = state.takeIdleWaiters()
            if message.isSuspect || state.full.contains(message.queue) {
                if let waiter = Self.ring(&state) { waiters.append(waiter) }
            }
            return waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Whether work was seen a moment ago, so that more may come.
    var isWakeful: Bool { state.withLock { $0.isWakeful } }

    /// Something was enqueued in this process. Its database transaction may not have ended yet, so
    /// a worker that looks often anyway is left alone.
    func stir() {
        state.withLock { state in
            state.lastSign = ContinuousClock.now
            return state.isDozing ? Self.ring(&state) : nil
        }?.resume()
    }

    /// Returns when a share that was full has room again, the time is over, or the task is
    /// canceled; if it dozes, also when something is enqueued. One task at a time may wait.
    func wait(atMost pause: Duration, isDozing: Bool = false) async {
        let wasStirred = state.withLock { state in
            state.isDozing = isDozing
            return isDozing && state.isWakeful
        }
        if wasStirred { return }
        defer { state.withLock { $0.isDozing = false } }
        let timer = Task {
            do {
                try await Task.sleep(for: pause)
                ring()
            } catch {
                // Something else has woken who waits.
            }
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isRung = state.withLock { state in
                    defer { state.isRung = false }
                    if !state.isRung { state.waiter = continuation }
                    return state.isRung
                }
                if isRung { continuation.resume() }
            }
        } onCancel: {
            ring()
        }
        timer.cancel()
    }

    /// Returns when nothing is in work.
    func allEnded() async {
        await withCheckedContinuation { continuation in
            let isWorking = state.withLock { state in
                if state.isWorking { state.onAllEnded.append(continuation) }
                return state.isWorking
            }
            if !isWorking { continuation.resume() }
        }
    }

    private func ring() {
        state.withLock { Self.ring(&$0) }?.resume()
    }

    /// - Returns: who waits for it.
    private static func ring(_ state: inout State) -> CheckedContinuation<Void, Never>? {
        guard let waiter = state.waiter else {
            state.isRung = true
            return nil
        }
        state.waiter = nil
        return waiter
    }
}
