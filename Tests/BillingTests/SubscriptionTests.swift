import Billing
import Database
import Foundation
import JSON
import Ledger
import LedgerStore
import Stripe
import TestFixtures
import Testing
import Values

func installCatalog(in database: any Database) async throws {
    let catalog = try TestCatalog.catalog()
    try await database.write { connection in
        try DirectLedger.install(catalog, in: connection, now: TestCatalog.start)
    }
}

func itemJSON(_ price: String, quantity: Int64? = 1) throws -> String {
    """
    {"id":"si_1","object":"subscription_item","current_period_start":100,\
    "current_period_end":200,"price":\(price),"quantity":\(quantity.map { "\($0)" } ?? "null")}
    """
}

/// A subscription as Stripe sends it; what is given takes the place of its members.
func subscription(
    items: String = "[]", _ members: KeyValuePairs<String, JSONValue> = [:]
) throws -> StripeSubscription {
    let text = """
        {"id":"sub_1","object":"subscription","customer":"cus_1","status":"active",\
        "items":{"object":"list","data":\(items)},"currency":"usd","livemode":false,\
        "cancel_at_period_end":false,"created":50,"metadata":{}}
        """
    guard case .object(var object) = try JSONValue.parse(text) else {
        preconditionFailure("the text is an object")
    }
    for (name, value) in members { object[name] = value }
    return try StripeSubscription(.object(object))
}

@Suite("Stripe's subscriptions in the ledger's words")
struct SubscriptionTests {
    private static let price = """
        {"id":"price_1","object":"price","active":true,"product":"prod_1","currency":"usd",\
        "livemode":false,"unit_amount":2000,"lookup_key":"plus","metadata":{},\
        "recurring":{"interval":"month","interval_count":1}}
        """

    @Test(
        "A status that is not known entitles to nothing",
        arguments: [
            ("active", .active), ("trialing", .trialing), ("past_due", .pastDue),
            ("incomplete", .incomplete), ("incomplete_expired", .incompleteExpired),
            ("unpaid", .unpaid), ("canceled", .canceled), ("paused", .paused),
            ("of_tomorrow", .paused), ("ACTIVE", .paused), ("", .paused),
        ] as [(String, Subscription.Status)])
    func statuses(word: String, status: Subscription.Status) throws {
        let found = try subscription(["status": .string(word)])
        #expect(Subscription.Status(found.status) == status)
        #expect(found.isOver == (word == "canceled" || word == "incomplete_expired"))
    }

    @Test("It ends with its period or at its date, and not at all once it has ended")
    func endings() throws {
        let item = "[\(try itemJSON(Self.price))]"
        #expect(try subscription(items: item).endsAt == nil)
        #expect(try subscription(items: item, ["cancel_at_period_end": true]).endsAt == 200)
        #expect(try subscription(items: item, ["cancel_at": 150]).endsAt == 150)
        let both = try subscription(
            items: item, ["cancel_at": 150, "cancel_at_period_end": true])
        #expect(both.endsAt == 150)
        #expect(try !subscription(items: item, ["cancel_at": 150, "ended_at": 150]).isEnding)
        #expect(try subscription(["cancel_at_period_end": true]).endsAt == nil)
    }

    @Test(
        "A trial without a length is none",
        arguments: [
            (nil, nil), (100, nil), (nil, 100), (100, 100), (200, 100),
        ] as [(Int64?, Int64?)])
    func noTrial(start: Int64?, end: Int64?) throws {
        let found = try subscription([
            "trial_start": start.map { .int($0) } ?? .null,
            "trial_end": end.map { .int($0) } ?? .null,
        ])
        #expect(found.trial.isEmpty)
        #expect(try subscription(["trial_start": 100, "trial_end": 200]).trial == 100..<200)
    }

    @Test("Of a payment no more goes back than was paid, and only what went through")
    func returned() async throws {
        var stripe = StripeClient.unimplemented
        stripe.listInvoicePayments = { _ throws(StripeError) in
            do throws(StripeDecodingError) {
                return [
                    try StripeInvoicePayment([
                        "id": "inpay_1", "object": "invoice_payment", "invoice": "in_1",
                        "amount_paid": 2000, "amount_requested": 2000, "currency": "usd",
                        "is_default": true, "status": "paid", "livemode": false, "created": 1,
                        "payment": ["type": "payment_intent", "payment_intent": "pi_1"],
                    ])
                ]
            } catch {
                Issue.record("\(error)")
                return []
            }
        }
        for (refunds, disputes, sum) in [
            ([(500, "succeeded"), (700, "failed"), (100, "pending")], [], 500),
            ([(1500, "succeeded")], [(2000, "lost")], 2000),
            ([], [(2000, "won"), (2000, "needs_response")], 0), ([], [(300, "lost")], 300),
        ] as [([(Int64, String)], [(Int64, String)], Int64)] {
            stripe.listRefunds = { _ throws(StripeError) in
                decoded(refunds, StripeRefund.init, "refund")
            }
            stripe.listDisputes = { _ throws(StripeError) in
                decoded(disputes, StripeDispute.init, "dispute")
            }
            try await withTemporaryDatabase { [stripe] database in
                let reader = BillingSnapshotReader(
                    stripe: stripe, database: database,
                    prices: StripePrices(stripe: stripe, database: database, catalog: .init()))
                let returned = try await reader.returned("in_1")
                #expect(returned == sum)
            }
        }
    }
}

private func decoded<Object>(
    _ amounts: [(Int64, String)], _ make: (JSONValue) throws(StripeDecodingError) -> Object,
    _ type: String
) -> [Object] {
    amounts.compactMap { amount, status in
        do {
            return try make([
                "id": "x_1", "object": .string(type), "amount": .int(amount),
                "status": .string(status), "charge": "ch_1", "payment_intent": "pi_1",
                "currency": "usd", "livemode": false, "created": 1,
            ])
        } catch {
            Issue.record("\(error)")
            return nil
        }
    }
}
