import NIOCore

/// How fast a client sends a body or takes an answer. Who moves steadily at the rate or above it is
/// served whole; who stops, or trickles, is cut.
package struct Pace {
    /// How long nothing may move; the rate is asked for from then on.
    private let patience: TimeAmount
    /// Bytes a second, on average.
    private let rate: Int
    private var begunAt: NIODeadline
    private var movedAt: NIODeadline
    private var bytes = 0

    package init(patience: TimeAmount, rate: Int, now: NIODeadline) {
        self.patience = patience
        self.rate = rate
        begunAt = now
        movedAt = now
    }

    package mutating func moved(_ count: Int, at now: NIODeadline) {
        bytes += count
        movedAt = now
    }

    /// Leaves out a time in which the client was not waited for.
    package mutating func resumed(after pause: TimeAmount, at now: NIODeadline) {
        begunAt = begunAt + pause
        movedAt = now
    }

    /// When the client is cut unless more moves before.
    package var deadline: NIODeadline {
        let due = begunAt + patience + .milliseconds(Int64(bytes) * 1000 / Int64(rate))
        return min(movedAt + patience, due)
    }
}
