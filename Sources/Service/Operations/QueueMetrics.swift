import Messaging
import Synchronization
import Values

/// The queues' part of `/metrics`. Counting reads tables and asks the broker, so it is done once a
/// second at most, however often it is asked for.
final class QueueMetrics: Sendable {
    static let interval = Duration.seconds(1)
    /// How long counting may take before the page goes out without it.
    static let patience = Duration.seconds(3)

    private let broker: any MessageBroker
    private let clock: DecisionClock
    private let latest = Mutex<(lines: [String], at: ContinuousClock.Instant)?>(nil)

    init(broker: any MessageBroker, clock: DecisionClock) {
        self.broker = broker
        self.clock = clock
    }

    func lines() async -> [String] {
        let now = ContinuousClock.now
        if let latest = latest.withLock({ $0 }), now - latest.at < Self.interval {
            return latest.lines
        }
        let lines = await count()
        latest.withLock { $0 = (lines, now) }
        return lines
    }

    private func count() async -> [String] {
        let (broker, now) = (self.broker, clock.now())
        let isUp = await answer { try await broker.check() } != nil
        let depths = await answer { try await broker.depths(now: now) } ?? []
        var lines = [
            "# HELP cuebx_broker_up Whether the message broker answers (1) or not (0).",
            "# TYPE cuebx_broker_up gauge", "cuebx_broker_up \(isUp ? 1 : 0)",
            "# HELP cuebx_queue_messages Messages that are not dead, by where they are.",
            "# TYPE cuebx_queue_messages gauge",
        ]
        for depth in depths {
            for (state, count) in [
                ("outbox", depth.outbox), ("waiting", depth.waiting), ("in_work", depth.inWork),
                ("paused", depth.paused),
            ] {
                lines.append(
                    "cuebx_queue_messages{queue=\"\(depth.queue)\",state=\"\(state)\"} \(count)")
            }
        }
        lines += [
            "# HELP cuebx_queue_oldest_age_seconds Age of the oldest of them, in seconds.",
            "# TYPE cuebx_queue_oldest_age_seconds gauge",
        ]
        for depth in depths {
            let micros = depth.oldest.map { max(0, now.micros - $0.micros) } ?? 0
            lines.append(
                "cuebx_queue_oldest_age_seconds{queue=\"\(depth.queue)\"} \(Double(micros) / 1e6)")
        }
        lines += [
            "# HELP cuebx_dead_letters Messages that were given up on.",
            "# TYPE cuebx_dead_letters gauge",
        ]
        for depth in depths {
            lines.append("cuebx_dead_letters{queue=\"\(depth.queue)\"} \(depth.dead)")
        }
        return lines
    }

    /// `nil` where none comes in time.
    private func answer<Value: Sendable>(
        _ question: @escaping @Sendable () async throws -> Value
    ) async -> Value? {
        do {
            return try await within(Self.patience, question)
        } catch {
            return nil
        }
    }
}
