import Logging
import ServiceLifecycle

/// Does the same work again and again until a shutdown is asked for, at once and then after a pause
/// each time. Work that fails is logged, and done again after the next pause.
public struct PeriodicService: Service {
    private let name: String
    private let pause: Duration
    private let logger: Logger
    private let work: @Sendable () async throws -> Void

    /// - Parameters:
    ///   - name: what the log calls it where it fails.
    ///   - pause: between the end of the work and its next beginning.
    init(
        _ name: String, pause: Duration, logger: Logger,
        work: @escaping @Sendable () async throws -> Void
    ) {
        self.name = name
        self.pause = pause
        self.logger = logger
        self.work = work
    }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await work()
                } catch is CancellationError where Task.isCancelled {
                    return
                } catch {
                    logger.warning("\(name) failed", metadata: ["error": "\(error)"])
                }
                do {
                    try await Task.sleep(for: pause)
                } catch {
                    // A shutdown was asked for.
                    return
                }
            }
        }
    }
}
