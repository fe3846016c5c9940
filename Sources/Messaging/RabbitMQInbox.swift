import CareerDomain
import FoundationEssentials
import Synchronization

/// What RabbitMQ has delivered to this process and has no answer to yet.
final class RabbitMQInbox: Sendable {
    struct Held: Sendable {
        let receipt: Int64
        let delivery: Delivery
    }

    private struct State {
        var waiting: [Delivery] = []
        var dead: [Delivery] = []
        /// Handed out, by receipt.
        var held: [Int64: Delivery] = [:]
        var lastReceipt: Int64 = 0

        mutating func hold(_ delivery: Delivery) -> Held {
            lastReceipt += 1
            held[lastReceipt] = delivery
            return Held(receipt: lastReceipt, delivery: delivery)
        }
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
            state.dead = []
            state.held = [:]
        }
    }

    /// Hands out what is to be tried next. What was delivered before comes alone, so that a
    /// message that kills its worker uses up no other's tries.
    func take(_ limit: Int) -> [Held] {
        state.withLock { state in
            if let index = state.waiting.firstIndex(where: \.isRedelivered) {
                return [state.hold(state.waiting.remove(at: index))]
            }
            let taken = state.waiting.prefix(limit)
            state.waiting.removeFirst(taken.count)
            return taken.map { state.hold($0) }
        }
    }

    /// Hands out what nobody has begun.
    func takeWaiting() -> [Held] {
        state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting.map { state.hold($0) }
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

    /// `nil` where the connection it came by was lost: it comes again.
    func delivery(_ receipt: Int64) -> Delivery? { state.withLock { $0.held[receipt] } }

    func remove(_ receipt: Int64) {
        state.withLock { _ = $0.held.removeValue(forKey: receipt) }
    }

    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Deliveries without an answer, by the name of their queue.
    var counts: [String: Int] {
        state.withLock { state in
            Dictionary(
                (state.waiting + state.dead + state.held.values).map { ($0.queue, 1) },
                uniquingKeysWith: +)
        }
    }

    /// When the oldest of each queue was accepted.
    func oldest(now: Timestamp) -> [String: Timestamp] {
        state.withLock { state in
            Dictionary(
                (state.waiting + state.held.values).map { ($0.queue, $0.enqueuedAt(now: now)) },
                uniquingKeysWith: min)
        }
    }
}
