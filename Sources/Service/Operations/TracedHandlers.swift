import HTTPEndpoint
import JSON
import Logging
import Messaging
import Telemetry
import Values

/// Follows a request into the worker: where a message names the request that brought it, the log of
/// its handling names that request too, and so do the messages that its handler enqueues.
struct TracedHandlers: Sendable {
    let lags: LagMetrics
    let clock: DecisionClock
    let logger: Logger

    func trace(
        _ handlers: [MessageQueue: MessageWorker.Handler]
    ) -> [MessageQueue: MessageWorker.Handler] {
        handlers.mapValues { handler in
            { message in try await handle(message, by: handler) }
        }
    }

    private func handle(_ message: Message, by handler: MessageWorker.Handler) async throws {
        do {
            try await handler(message)
        } catch {
            // What went wrong is told by the worker, under the message's id.
            log(.warning, "message failed", message)
            throw error
        }
        log(.debug, "message handled", message)
        switch message.queue {
        case .checkoutCompleted, .subscriptionUpdated, .subscriptionDeleted, .paymentFailed:
            let waited = clock.now().micros - message.enqueuedAt.micros
            lags.webhookApplied(secondsSinceReceived: Double(waited) / 1e6)
        case .usageCommits, .emails, .operatorWork: break
        }
    }

    private func log(_ level: Logger.Level, _ text: Logger.Message, _ message: Message) {
        guard logger.logLevel <= level else { return }
        var metadata: Logger.Metadata = [
            "message": "\(message.id.text)", "queue": "\(message.queue.rawValue)",
            "attempt": "\(message.attempts + 1)",
        ]
        if let requestID = message.requestID { metadata["request_id"] = "\(requestID)" }
        logger.log(level: level, text, metadata: metadata)
    }
}
