import Synchronization

/// Tells those who wait for work that there may be some.
final class Bell: Sendable {
    private let listeners = Mutex<[@Sendable () -> Void]>([])

    func onRing(_ listener: @escaping @Sendable () -> Void) {
        listeners.withLock { $0.append(listener) }
    }

    func ring() {
        for listener in listeners.withLock({ $0 }) { listener() }
    }
}
