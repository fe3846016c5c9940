import CareerDomain
import Database
import Foundation
import HTTPEndpoint
import JSON
import Logging
import Messaging
import Stripe

/// `POST /webhooks/stripe`: checks the signature over the raw bytes, keeps the event's id and
/// enqueues its work in one database transaction, and answers. Nothing else happens here.
struct ReceiveStripeEvent: Sendable {
    /// An event is told from its repetitions by its id for good; the body is not kept.
    static let maximumIDLength = 255

    let database: any Database
    let broker: any MessageBroker
    let secrets: [String]
    /// The mode of our own key: events of the other one are about another world's objects.
    let mode: StripeMode?
    let logger: Logger
    let clock: DecisionClock
    /// Signatures are checked against the wall clock: a retry is signed anew.
    let wall: DecisionClock

    static let about = About(
        "Stripe's events", details: "Signed with `Stripe-Signature`; acknowledged once durable.",
        access: .open, refusals: [.invalidSignature, .malformedJSON])

    func receive(_ bytes: [UInt8], _ call: Call) async throws -> [UInt8] {
        do {
            try StripeSignature.verify(
                header: call.headers[.stripeSignature], body: bytes, secrets: secrets,
                now: wall.now().seconds)
        } catch {
            throw Problem.invalidSignature.with(detail: "The signature is \(error).")
        }
        let event: StripeEvent
        do {
            event = try StripeEvent(JSONValue.parse(bytes))
        } catch {
            throw Problem.malformedJSON.with(detail: "The body is no event of Stripe's.")
        }
        guard event.id.utf8.count <= Self.maximumIDLength else { throw Problem.malformedJSON }
        if StripeMode(livemode: event.livemode) == mode {
            try await keep(event)
        } else {
            // Refusing it would have Stripe repeat it for days and then close the endpoint.
            logger.error(
                "event of the other Stripe mode ignored; check the endpoint and the key",
                metadata: [
                    "event": "\(event.id)", "type": "\(event.type)",
                    "livemode": "\(event.livemode)",
                ])
        }
        return Array(#"{"received":true}"#.utf8)
    }

    private func keep(_ event: StripeEvent) async throws {
        let now = clock.now()
        let work = StripeWork(event)
        _ = try await database.write { [broker] connection in
            let isNew = try connection.execute(
                """
                INSERT INTO stripe_events (id, type, object_id, created_at, received_at)
                VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
                """,
                [
                    .text(event.id), .text(event.type), .text(event.objectID),
                    .time(Timestamp(seconds: event.createdAt)), .time(now),
                ])
            if isNew > 0, let work {
                try broker.enqueue(work.queue, work.body, in: connection, now: now)
            }
            return isNew
        }
    }
}

extension Problem {
    static let invalidSignature = Problem(
        400, "invalid_signature", "Invalid signature",
        "The body is not signed with one of our secrets.")
}

/// What an event asks for: the ids of what has changed, never its copy of the object. Only a
/// charge's refund and a dispute's loss are facts of their own, since nothing takes them back.
struct StripeWork: Sendable, Equatable {
    let queue: MessageQueue
    let body: String

    /// `nil` for an event that is only kept.
    init?(_ event: StripeEvent) {
        var work: JSONObject = ["event": .string(event.id), "type": .string(event.type)]
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
