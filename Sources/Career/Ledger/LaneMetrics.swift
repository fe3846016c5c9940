import Synchronization

/// What the lanes tell of themselves, for `/metrics`.
public final class LaneMetrics: Sendable {
    public struct Snapshot: Sendable {
        public let batches: Int
        public let operations: Int
        public let nanoseconds: Int
    }

    private let batches = Atomic<Int>(0)
    private let operations = Atomic<Int>(0)
    private let nanoseconds = Atomic<Int>(0)

    public init() {}

    func record(batchSize: Int, elapsed: Duration) {
        batches.add(1, ordering: .relaxed)
        operations.add(batchSize, ordering: .relaxed)
        let (seconds, attoseconds) = elapsed.components
        nanoseconds.add(
            Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000), ordering: .relaxed)
    }

    public var snapshot: Snapshot {
        Snapshot(
            batches: batches.load(ordering: .relaxed),
            operations: operations.load(ordering: .relaxed),
            nanoseconds: nanoseconds.load(ordering: .relaxed))
    }
}
