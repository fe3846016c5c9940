import CareerDomain
import Database
import JSON
import Messaging
import Stripe

/// Where an event is kept: its id, by which it is told from its repetitions for good, and the work
/// that it asks for. The body is not kept.
struct StripeEventInbox: Sendable {
    let broker: any MessageBroker

    /// Keeps an event and enqueues its work, within the caller's database transaction. One that
    /// has come before changes nothing.
    ///
    /// - Parameter requestID: of the request that brought it.
    func keep(
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
        guard isNew > 0, let work = StripeWork(event, requestID: requestID) else { return }
        try broker.enqueue(work.queue, work.body, in: connection, now: now)
    }
}

/// What an event asks for: the ids of what has changed, never its copy of the object. Only a
/// charge's refund and a dispute's loss are facts of their own, since nothing takes them back.
struct StripeWork: Sendable, Equatable {
    let queue: MessageQueue
    let body: String

    /// `nil` for an event that is only kept.
    ///
    /// - Parameter requestID: of the request that brought it, for the worker's log.
    init?(_ event: StripeEvent, requestID: String) {
        var work: JSONObject = [
            "event": .string(event.id), "type": .string(event.type),
            TracedHandlers.requestID: .string(requestID),
        ]
        let object = event.object
        switch event.type {
        case "checkout.session.completed", "checkout.session.async_payment_succeeded",
            "checkout.session.expired":
            queue = .checkoutCompleted
            work["session"] = object["id"] ?? .null
            work["subscription"] = object["subscription"] ?? .null
            work["user"] = object["client_reference_id"] ?? .null
        case "customer.subscription.deleted":
            queue = .subscriptionDeleted
            work["subscription"] = object["id"] ?? .null
        case "invoice.payment_failed", "invoice.payment_action_required":
            queue = .paymentFailed
            work["invoice"] = object["id"] ?? .null
            work["subscription"] = Self.subscription(ofInvoice: object)
        case "invoice.paid":
            queue = .subscriptionUpdated
            work["subscription"] = Self.subscription(ofInvoice: object)
        case "customer.deleted":
            queue = .subscriptionDeleted
            work["customer"] = object["id"] ?? .null
        case "charge.refunded", "charge.dispute.created", "charge.dispute.closed":
            queue = .subscriptionUpdated
            if object["object"] == "dispute" { work["dispute"] = object["id"] ?? .null }
            work["payment_intent"] = object["payment_intent"] ?? .null
            work["is_final"] = .bool(
                object["refunded"] == true || object["status"] == "lost")
        case let type where type.hasPrefix("customer.subscription."):
            queue = .subscriptionUpdated
            work["subscription"] = object["id"] ?? .null
        default: return nil
        }
        body = JSONValue.object(work).compactText
    }

    private static func subscription(ofInvoice invoice: JSONValue) -> JSONValue {
        invoice["parent"]?["subscription_details"]?["subscription"] ?? .null
    }
}
