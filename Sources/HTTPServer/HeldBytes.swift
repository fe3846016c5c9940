import HTTPEndpoint
import NIOCore
import Synchronization

/// The memory budget of all connections together: what they keep of bodies that are arriving, of
/// requests sent ahead and of answers that are not read yet. Where it is exceeded, whoever has
/// moved least recently is cut: clients that stall, however many, hold up nobody else.
final class HeldBytes: Sendable {
    static let maximum = 64 << 20
    /// What each connection may keep beside the budget: nothing is counted below it.
    static let allowance = 16 << 10
    /// A change by less than this is not told.
    static let step = 4 << 10
    /// What a part of a request sent ahead is counted as.
    static let bytesOfWaitingPart = 1 << 10

    private struct Holder {
        var bytes: Int
        var movedAt: NIODeadline
        let channel: any Channel
    }

    private struct State {
        var total = 0
        var holders: [ObjectIdentifier: Holder] = [:]

        mutating func remove(_ id: ObjectIdentifier) -> Holder? {
            let holder = holders.removeValue(forKey: id)
            total -= holder?.bytes ?? 0
            return holder
        }
    }

    private let state = Mutex(State())
    private let maximum: Int

    init(maximum: Int = HeldBytes.maximum) {
        self.maximum = maximum
    }

    /// Notes what a connection keeps now.
    func hold(_ bytes: Int, since movedAt: NIODeadline, _ channel: any Channel) {
        let cut = state.withLock { state -> [any Channel] in
            let id = ObjectIdentifier(channel)
            _ = state.remove(id)
            guard bytes > Self.allowance else { return [] }
            state.holders[id] = Holder(bytes: bytes, movedAt: movedAt, channel: channel)
            state.total += bytes
            var cut: [any Channel] = []
            while state.total > maximum,
                let stalest = state.holders.min(by: { $0.value.movedAt < $1.value.movedAt })?.key,
                let holder = state.remove(stalest)
            {
                cut.append(holder.channel)
            }
            return cut
        }
        for channel in cut { channel.close(promise: nil) }
    }
}
