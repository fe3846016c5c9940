import Database
import JSON
import Messaging
import Stripe
import Values

/// Where an event is kept: its id, by which it is told from its repetitions for good, and the work
/// that it asks for. The body is not kept.
package struct StripeEventInbox: Sendable {
    let broker: any MessageBroker

    package init(broker: any MessageBroker) {
        self.broker = broker
    }

    /// Keeps an event and enqueues its work, within the caller's database transaction. One that
    /// has come before changes nothing.
    ///
    /// - Parameter requestID: of the request that brought it, for the worker's log.
    package func keep(
        _ event: StripeEvent, of requestID: String, in connection: any DatabaseConnection,
        now: Timestamp
    ) throws {
        let isNew = try connection.execute(
            """
            INSERT INTO stripe_events (id, type, object_id, created_at, received_at)
            VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
            """,
            [
                .text(event.id), .text(event.type), .text(event.objectID),
                .time(event.createdAt.map { Timestamp(ofStripe: $0) } ?? now), .time(now),
            ])
        guard isNew > 0, let work = StripeWork(event) else { return }
        try broker.enqueue(
            work.queue, work.body,
            MessageEnvelope(requestID: requestID, accountID: work.accountID),
            in: connection, now: now)
    }
}
