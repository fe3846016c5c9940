/// All that happens to the clients of a process happens on this actor, one thing after the other.
/// What waits for the network waits elsewhere, what waits for the disk on a thread of its own.
@globalActor
actor ClientActor {
    static let shared = ClientActor()
}

/// By a clock that cannot jump.
typealias Instant = ContinuousClock.Instant

/// Calls back after so long, unless the task is canceled before.
@discardableResult
func after(_ span: Duration, _ callback: @escaping @ClientActor () -> Void) -> Task<Void, Never> {
    Task { @ClientActor in
        do {
            try await Task.sleep(for: span)
        } catch {
            return
        }
        callback()
    }
}
