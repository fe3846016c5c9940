import Synchronization

/// Counts the relays that may have taken messages from the outbox and not yet handed them over.
final class RelaysUnderWay: Sendable {
    private let count = Atomic<Int>(0)

    var isUnderWay: Bool { count.load(ordering: .acquiring) > 0 }

    func during<Value>(_ body: () async throws -> Value) async throws -> Value {
        count.add(1, ordering: .acquiringAndReleasing)
        defer { count.subtract(1, ordering: .acquiringAndReleasing) }
        return try await body()
    }
}
