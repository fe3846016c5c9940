import FoundationEssentials
import Synchronization
import Values

/// What RabbitMQ has delivered to this process and has no answer to yet.
final class RabbitMQInbox: Sendable {
    struct Held: Sendable {
        let receipt: Int64
        let delivery: Delivery
    }

    /// A message that somebody has begun before.
    struct Contested: Sendable {
        let delivery: Delivery
        /// What the other's try looked like, and since when.
        var trace: RabbitMQTries.Trace?
        var since = ContinuousClock.now
    }

    private struct State {
        var waiting: [Delivery] = []
        var contested: [Contested] = []
        var dead: [Delivery] = []
        /// Handed out, by receipt.
        var held: [Int64: Delivery] = [:]
        var lastReceipt: Int64 = 0

        mutating func hold(_ delivery: Delivery) -> Held {
            lastReceipt += 1
            held[lastReceipt] = delivery
            return Held(receipt: lastReceipt, delivery: delivery)
        }

        var unanswered: [Delivery] { waiting + contested.map(\.delivery) + Array(held.values) }
    }

    private let state = Mutex(State())

    func add(_ delivery: Delivery, isDead: Bool) {
        state.withLock { state in
            if isDead { state.dead.append(delivery) } else { state.waiting.append(delivery) }
        }
    }

    /// The connection was lost: all of it comes again.
    func forgetAll() {
        state.withLock { state in
            state.waiting = []
            state.contested = []
            state.dead = []
            state.held = [:]
        }
    }

    /// Hands out what is to be tried next, by the names of the queues that there is room for.
    func take(_ room: [String: Int]) -> [Held] {
        state.withLock { state in
            var room = room
            var taken: [Delivery] = []
            state.waiting.removeAll { delivery in
                guard let free = room[delivery.queue], free > 0 else { return false }
                room[delivery.queue] = free - 1
                taken.append(delivery)
                return true
            }
            return taken.map { state.hold($0) }
        }
    }

    /// Hands out what nobody has begun here.
    func takeWaiting() -> [Held] {
        state.withLock { state in
            let deliveries = state.waiting + state.contested.map(\.delivery)
            state.waiting = []
            state.contested = []
            return deliveries.map { state.hold($0) }
        }
    }

    func takeDead() -> [Held] {
        state.withLock { state in
            defer { state.dead = [] }
            return state.dead.map { state.hold($0) }
        }
    }

    /// It could not be tried; it is handed out again.
    func putBack(_ held: [Held], isDead: Bool) {
        state.withLock { state in
            for one in held {
                guard let delivery = state.held.removeValue(forKey: one.receipt) else { continue }
                if isDead { state.dead.append(delivery) } else { state.waiting.append(delivery) }
            }
        }
    }

    // MARK: - What somebody has begun before

    var contested: [Contested] { state.withLock { $0.contested } }

    func contest(_ held: Held) {
        state.withLock { state in
            guard let delivery = state.held.removeValue(forKey: held.receipt) else { return }
            state.contested.append(Contested(delivery: delivery))
        }
    }

    /// Notes what the others' tries look like now. Where there is none any more, the message is to
    /// be tried like any other.
    func note(_ traces: [UUID: RabbitMQTries.Trace], of asked: Set<UUID>) {
        state.withLock { state in
            let all = state.contested
            state.contested = []
            for var one in all {
                let id = one.delivery.id
                guard asked.contains(id) else {
                    state.contested.append(one)
                    continue
                }
                guard let trace = traces[id] else {
                    state.waiting.append(one.delivery)
                    continue
                }
                if trace != one.trace { (one.trace, one.since) = (trace, ContinuousClock.now) }
                state.contested.append(one)
            }
        }
    }

    /// Hands out one that was contested; `nil` where its connection was lost meanwhile.
    func take(_ contested: Contested) -> Held? {
        state.withLock { state in
            let index = state.contested.firstIndex { one in
                one.delivery.tag == contested.delivery.tag
                    && one.delivery.connection == contested.delivery.connection
            }
            return index.map { state.hold(state.contested.remove(at: $0).delivery) }
        }
    }

    // MARK: - What is in work

    /// `nil` where the connection it came by was lost: it comes again.
    func delivery(_ receipt: Int64) -> Delivery? { state.withLock { $0.held[receipt] } }

    func remove(_ receipt: Int64) {
        state.withLock { _ = $0.held.removeValue(forKey: receipt) }
    }

    var waitingCount: Int { state.withLock { $0.waiting.count + $0.contested.count } }

    /// Deliveries without an answer, by the name of their queue.
    var counts: [String: Int] {
        state.withLock { state in
            Dictionary(
                (state.unanswered + state.dead).map { ($0.queue, 1) }, uniquingKeysWith: +)
        }
    }

    /// When the oldest of each queue was accepted.
    func oldest(now: Timestamp) -> [String: Timestamp] {
        state.withLock { state in
            Dictionary(
                state.unanswered.map { ($0.queue, $0.enqueuedAt(now: now)) },
                uniquingKeysWith: min)
        }
    }
}
