import Synchronization

/// A bounded cache. When the young generation is full it becomes the old one, whose unused entries
/// are then forgotten; what is still used moves on. Both look-up and insertion cost a hash table's
/// price.
package final class GenerationCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Generations {
        var young: [Key: Value] = [:]
        var old: [Key: Value] = [:]
    }

    private let generations = Mutex(Generations())
    private let limit: Int

    /// - Parameter limit: entries of each of the two generations.
    package init(limit: Int) {
        self.limit = limit
    }

    package func value(for key: Key) -> Value? {
        generations.withLock { generations in
            if let value = generations.young[key] { return value }
            guard let value = generations.old[key] else { return nil }
            insert(value, for: key, into: &generations)
            return value
        }
    }

    package func insert(_ value: Value, for key: Key) {
        generations.withLock { insert(value, for: key, into: &$0) }
    }

    package func remove(_ key: Key) {
        generations.withLock {
            $0.young[key] = nil
            $0.old[key] = nil
        }
    }

    private func insert(_ value: Value, for key: Key, into generations: inout Generations) {
        if generations.young.count >= limit {
            generations.old = generations.young
            generations.young = [:]
        }
        generations.young[key] = value
    }
}
