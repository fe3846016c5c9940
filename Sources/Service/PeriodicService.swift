import Logging
import ServiceLifecycle

/// Does the same work again and again until a shutdown is asked for, at once and then after a pause
/// each time. Work that fails is logged, and done again after the next pause.
public struct PeriodicService: Service {
    /// What the log calls it if it fails.
    let name: String
    /// Between the end of the work and its next beginning.
    let pause: Duration
    /// Whether the work is done once more at a shutdown: it writes what is in memory alone.
    var endsWithWork = false
    let logger: Logger
    let work: @Sendable () async throws -> Void

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await attempt(work)
                await attempt { try await Task.sleep(for: pause) }
            }
        }
        if endsWithWork { await attempt(work) }
    }

    private func attempt(_ work: () async throws -> Void) async {
        do {
            try await work()
        } catch is CancellationError where Task.isCancelled {
            // A shutdown was asked for.
        } catch {
            logger.warning("\(name) failed", metadata: ["error": "\(error)"])
        }
    }
}
