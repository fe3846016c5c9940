import Foundation

/// What time it is for every decision, token expiry included. Signatures, timeouts and leases use
/// wall and monotonic time instead.
public struct DecisionClock: Sendable {
    public let now: @Sendable () -> Timestamp

    public init(now: @escaping @Sendable () -> Timestamp) {
        self.now = now
    }

    public static let wall = DecisionClock {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(
            clamping: Int64(time.tv_sec) * Timestamp.microsPerSecond + Int64(time.tv_nsec) / 1000)
    }
}
