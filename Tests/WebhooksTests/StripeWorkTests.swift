import JSON
import Messaging
import Stripe
import Testing
import Webhooks

@Suite("What an event of Stripe's asks for")
struct StripeWorkTests {
    private func work(
        _ type: String, _ object: String, version: String? = nil
    ) throws -> (queue: MessageQueue, body: JSONValue)? {
        let event = try StripeEvent(
            JSONValue.parse(
                """
                {"id":"evt_1","object":"event","type":"\(type)","created":1,"livemode":false,\
                "api_version":\(version.map { "\"\($0)\"" } ?? "null"),\
                "data":{"object":\(object)}}
                """))
        guard let work = StripeWork(event) else { return nil }
        return (work.queue, try JSONValue.parse(work.body))
    }

    @Test("An event that Stripe is asked for asks for work", arguments: StripeWork.eventTypes)
    func asked(type: String) throws {
        let work = try #require(try work(type, #"{"id":"x_1","subscription":"sub_1"}"#))
        #expect(work.body["type"]?.string == type && work.body["event"]?.string == "evt_1")
        #expect(work.body["unreadable"] == nil && work.body["api_version"] == nil)
        let ids = [
            "session", "subscription", "schedule", "customer", "invoice", "charge", "refund",
            "dispute",
        ]
        #expect(ids.contains { work.body[$0]?.string == "x_1" })
    }

    @Test(
        "Any other event is only kept",
        arguments: [
            "customer.created", "customer.updated", "invoice.created", "invoice.updated",
            "customer.subscription", "customer.subscriptions.updated", "plan.created", "",
            "Invoice.paid",
        ])
    func kept(type: String) throws {
        #expect(try work(type, #"{"id":"x_1"}"#) == nil)
    }

    @Test(
        "It goes to the queue of what follows",
        arguments: [
            ("checkout.session.expired", .checkoutCompleted),
            ("customer.subscription.deleted", .subscriptionDeleted),
            ("customer.subscription.of_tomorrow", .subscriptionUpdated),
            ("customer.deleted", .subscriptionDeleted), ("invoice.paid", .subscriptionUpdated),
            ("invoice.payment_failed", .paymentFailed), ("charge.refunded", .subscriptionUpdated),
        ] as [(String, MessageQueue)])
    func queues(type: String, queue: MessageQueue) throws {
        #expect(try work(type, #"{"id":"x_1"}"#)?.queue == queue)
    }

    @Test(
        "An invoice's subscription is read in each of its shapes, and left open if none tells it",
        arguments: [
            (#"{"id":"in_1","subscription":"sub_1"}"#, "sub_1"),
            (#"{"id":"in_1","subscription":{"id":"sub_1"}}"#, "sub_1"),
            (#"{"id":"in_1","parent":{"subscription_details":{"subscription":"sub_1"}}}"#, "sub_1"),
            (
                #"{"id":"in_1","parent":{"subscription_details":{"subscription":{"id":"sub_1"}}}}"#,
                "sub_1"
            ),
            (#"{"id":"in_1"}"#, nil), (#"{"id":"in_1","parent":null,"subscription":null}"#, nil),
            (#"{"id":"in_1","subscription":""}"#, nil), (#"{"id":"in_1","subscription":7}"#, nil),
            (#"{"id":"in_1","parent":{"quote_details":{"quote":"qt_1"}}}"#, nil),
        ])
    func invoices(object: String, subscription: String?) throws {
        let work = try #require(try work("invoice.paid", object))
        #expect(work.body["subscription"]?.string == subscription)
        #expect(work.body["invoice"]?.string == "in_1")
    }

    @Test(
        "An object without an id becomes a dead letter, not a lost event",
        arguments: ["{}", #"{"id":""}"#, #"{"id":null}"#])
    func noID(object: String) throws {
        let work = try #require(try work("invoice.paid", object))
        #expect(work.body["unreadable"]?.string == "its object has no id")
        #expect(work.body["invoice"] == nil)
    }

    @Test(
        "The release is noted only if the endpoint sends older shapes than ours",
        arguments: [
            ("2024-06-20", true), ("2025-02-24.acacia", true), ("2025-03-30", true),
            ("2025-03-31.basil", false), ("2026-10-28.endive", false), (nil, false),
        ] as [(String?, Bool)])
    func versions(version: String?, isNoted: Bool) throws {
        let work = try #require(
            try work("invoice.paid", #"{"id":"in_1"}"#, version: version))
        #expect(work.body["api_version"]?.string == (isNoted ? version : nil))
    }

    @Test("Of a checkout its user is told, if it names one; of its copy nothing else is kept")
    func checkout() throws {
        let work = try #require(
            try work(
                "checkout.session.completed",
                """
                {"id":"cs_1","client_reference_id":"u","subscription":null,"amount_total":2000,\
                "customer_details":{"email":"ada@example.test"}}
                """))
        #expect(work.body["session"]?.string == "cs_1" && work.body["user"]?.string == "u")
        #expect(!work.body.compactText.contains("ada@") && work.body["amount_total"] == nil)
    }
}
