import FoundationEssentials
import JSON
import Messaging
import Stripe

/// What an event asks for: the ids of what has changed, never its copy of the object.
///
/// An endpoint sends its objects in the shapes of the API release that it was made with, for good.
/// What an event's object does not tell in any of the shapes (`invoice.subscription` until
/// 2025-03-31.basil, `invoice.parent` since) is fetched by the object's id, in the release that we
/// read. An event without such an id becomes a dead letter.
package struct StripeWork: Sendable, Equatable {
    package let queue: MessageQueue
    package let body: String
    /// The user whose checkout it is; of another event Stripe's ids alone tell, later, whose it is.
    package let accountID: UUID?

    /// What an event is about, which decides how it is read.
    private enum Subject {
        case checkout
        case subscription
        case schedule
        case invoice
        case customer
        case charge
        case refund
        case dispute
    }

    /// The release in which invoices, subscriptions and charges got the shapes that they have now
    /// (https://docs.stripe.com/changelog/basil). Releases are named by their day.
    private static let oldestShapes = "2025-03-31"

    /// The events that are asked for at Stripe.
    package static let eventTypes = table.map(\.type)

    private static let table: [(type: String, subject: Subject, queue: MessageQueue)] = [
        ("checkout.session.completed", .checkout, .checkoutCompleted),
        ("checkout.session.async_payment_succeeded", .checkout, .checkoutCompleted),
        ("checkout.session.async_payment_failed", .checkout, .checkoutCompleted),
        ("checkout.session.expired", .checkout, .checkoutCompleted),
        ("customer.subscription.created", .subscription, .subscriptionUpdated),
        ("customer.subscription.updated", .subscription, .subscriptionUpdated),
        ("customer.subscription.deleted", .subscription, .subscriptionDeleted),
        ("customer.subscription.paused", .subscription, .subscriptionUpdated),
        ("customer.subscription.resumed", .subscription, .subscriptionUpdated),
        ("customer.subscription.trial_will_end", .subscription, .subscriptionUpdated),
        ("customer.subscription.pending_update_applied", .subscription, .subscriptionUpdated),
        ("customer.subscription.pending_update_expired", .subscription, .subscriptionUpdated),
        ("subscription_schedule.created", .schedule, .subscriptionUpdated),
        ("subscription_schedule.updated", .schedule, .subscriptionUpdated),
        ("subscription_schedule.released", .schedule, .subscriptionUpdated),
        ("subscription_schedule.completed", .schedule, .subscriptionUpdated),
        ("subscription_schedule.canceled", .schedule, .subscriptionUpdated),
        ("invoice.paid", .invoice, .subscriptionUpdated),
        ("invoice.voided", .invoice, .subscriptionUpdated),
        ("invoice.payment_failed", .invoice, .paymentFailed),
        ("invoice.payment_action_required", .invoice, .paymentFailed),
        ("customer.deleted", .customer, .subscriptionDeleted),
        ("charge.refunded", .charge, .subscriptionUpdated),
        ("charge.refund.updated", .refund, .subscriptionUpdated),
        ("refund.updated", .refund, .subscriptionUpdated),
        ("refund.failed", .refund, .subscriptionUpdated),
        ("charge.dispute.created", .dispute, .subscriptionUpdated),
        ("charge.dispute.updated", .dispute, .subscriptionUpdated),
        ("charge.dispute.closed", .dispute, .subscriptionUpdated),
        ("charge.dispute.funds_withdrawn", .dispute, .subscriptionUpdated),
        ("charge.dispute.funds_reinstated", .dispute, .subscriptionUpdated),
    ]

    /// `nil` for an event that is only kept.
    package init?(_ event: StripeEvent) {
        guard let (subject, queue) = Self.subject(of: event.type) else { return nil }
        self.queue = queue
        var work: JSONObject = [
            "event": .string(event.id), "type": .string(event.type),
        ]
        if let version = event.apiVersion, version < Self.oldestShapes {
            work["api_version"] = .string(version)
        }
        if let id = Self.id(event.object["id"]) {
            Self.read(event.object, id, as: subject, into: &work)
        } else {
            work["unreadable"] = "its object has no id"
        }
        body = JSONValue.object(work).compactText
        accountID = work["user"]?.string.flatMap { UUID(uuidString: $0) }
    }

    private static func subject(of type: String) -> (Subject, MessageQueue)? {
        if let known = table.first(where: { $0.type == type }) {
            return (known.subject, known.queue)
        }
        return type.hasPrefix("customer.subscription.")
            ? (.subscription, .subscriptionUpdated) : nil
    }

    private static func read(
        _ object: JSONValue, _ id: String, as subject: Subject, into work: inout JSONObject
    ) {
        func add(_ name: String, _ value: String?) { work[name] = value.map { .string($0) } }
        switch subject {
        case .checkout:
            add("session", id)
            add("subscription", Self.id(object["subscription"]))
            if object["mode"]?.string == "payment" { add("sells", "once") }
            let user = object["client_reference_id"]?.string
            add("user", user.map { UUID(uuidString: $0)?.text ?? $0 })
        case .subscription:
            add("subscription", id)
        case .schedule:
            add("schedule", id)
            add(
                "subscription",
                Self.id(object["subscription"]) ?? Self.id(object["released_subscription"]))
        case .customer:
            add("customer", id)
        case .invoice:
            add("invoice", id)
            let details = object["parent"]?["subscription_details"]
            add(
                "subscription",
                Self.id(details?["subscription"]) ?? Self.id(object["subscription"]))
        case .charge:
            add("charge", id)
            add("payment_intent", Self.id(object["payment_intent"]))
        case .refund:
            add("refund", id)
            add("charge", Self.id(object["charge"]))
            add("payment_intent", Self.id(object["payment_intent"]))
        case .dispute:
            add("dispute", id)
            add("charge", Self.id(object["charge"]))
            add("payment_intent", Self.id(object["payment_intent"]))
        }
    }

    /// An id, also if the object itself stands in its place.
    private static func id(_ value: JSONValue?) -> String? {
        guard let id = value?.string ?? value?["id"]?.string, !id.isEmpty else { return nil }
        return id
    }
}
