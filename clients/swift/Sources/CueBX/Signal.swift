/// Something that happens once.
@ClientActor
final class Signal {
    private(set) var isSet = false
    private var callbacks: [@ClientActor () -> Void] = []

    nonisolated init() {}

    func set() {
        isSet = true
        let callbacks = callbacks
        self.callbacks = []
        for callback in callbacks { callback() }
    }

    func whenSet(_ callback: @escaping @ClientActor () -> Void) {
        if isSet { callback() } else { callbacks.append(callback) }
    }

    /// Whether it has happened within the span. A canceled task waits no longer, unless it is to go
    /// on.
    func wait(for span: Duration, heedsCancellation: Bool = true) async -> Bool {
        if isSet { return true }
        let waiter = Waiter()
        let timer = after(span) { waiter.end() }
        whenSet { waiter.end() }
        await withTaskCancellationHandler {
            await waiter.wait()
        } onCancel: {
            guard heedsCancellation else { return }
            Task { @ClientActor in waiter.end() }
        }
        timer.cancel()
        return isSet
    }
}

/// One wait, which the first of several ends.
@ClientActor
private final class Waiter {
    private var hasEnded = false
    private var continuation: CheckedContinuation<Void, Never>?

    nonisolated init() {}

    func wait() async {
        if hasEnded { return }
        await withCheckedContinuation { continuation = $0 }
    }

    func end() {
        hasEnded = true
        continuation?.resume()
        continuation = nil
    }
}
