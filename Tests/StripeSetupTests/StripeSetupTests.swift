import Billing
import Database
import Foundation
import JSON
import Ledger
import LedgerStore
import Stripe
import StripeSetup
import TestFixtures
import Testing
import Webhooks

@Suite("The webhook endpoint at Stripe is judged")
struct WebhookSetupTests {
    private static let url = "https://career.example.test/webhooks/stripe"

    private static func endpoint(
        _ id: String = "we_1", url: String = url, version: String? = stripeVersion,
        events: [String] = StripeWork.eventTypes, status: String = "enabled"
    ) throws -> StripeWebhookEndpoint {
        try StripeWebhookEndpoint([
            "id": .string(id), "object": "webhook_endpoint", "url": .string(url),
            "api_version": version.map { .string($0) } ?? .null,
            "enabled_events": .array(events.map { .string($0) }), "status": .string(status),
            "livemode": false, "secret": .null,
        ])
    }

    private func setup(_ endpoints: [StripeWebhookEndpoint]) -> WebhookSetup {
        var stripe = StripeClient.unimplemented
        stripe.listWebhookEndpoints = { () throws(StripeError) in endpoints }
        return WebhookSetup(stripe: stripe, publicURL: "https://career.example.test/")
    }

    private func off(_ endpoints: StripeWebhookEndpoint...) async throws -> [String] {
        try await setup(endpoints).check().filter { !$0.isRight }.map(\.subject)
    }

    @Test("One of our address, release and events is right, whatever ends its address")
    func right() async throws {
        #expect(try await off(Self.endpoint()) == [])
        #expect(try await off(Self.endpoint(url: Self.url + "/")) == [])
        #expect(try await off(Self.endpoint(events: ["*"])) == [])
    }

    @Test("What is off is named, and none at all is off too")
    func wrong() async throws {
        #expect(try await off() == ["webhook address"])
        #expect(
            try await off(Self.endpoint(url: "https://other.example.test/webhooks/stripe"))
                == ["webhook address"])
        #expect(try await off(Self.endpoint(version: nil)) == ["webhook version"])
        #expect(try await off(Self.endpoint(version: "2024-06-20")) == ["webhook version"])
        let most = Array(StripeWork.eventTypes.dropLast())
        #expect(try await off(Self.endpoint(events: most)) == ["webhook events"])
        #expect(try await off(Self.endpoint(status: "disabled")) == ["webhook status"])
        let all = ["webhook version", "webhook events", "webhook status"]
        #expect(
            try await off(Self.endpoint(version: nil, events: [], status: "disabled")) == all)
    }

    @Test("A disabled endpoint beside an enabled one is nobody's fault")
    func disabledBeside() async throws {
        let old = try Self.endpoint("we_0", version: nil, status: "disabled")
        #expect(try await off(old, Self.endpoint()) == [])
    }

    @Test("A second endpoint is not made while one is right, and Stripe is asked for nothing")
    func createTwice() async throws {
        await #expect(throws: WebhookSetup.Refusal.self) {
            try await setup([Self.endpoint()]).create()
        }
    }
}

@Suite("The catalog at Stripe is judged")
struct PriceSetupTests {
    private static func price(
        _ plan: Plan, amount: Int64? = nil, isActive: Bool = true, interval: String = "month",
        marked: String? = nil
    ) throws -> StripePrice {
        try StripePrice([
            "id": .string("price_\(plan.name)"), "object": "price", "active": .bool(isActive),
            "currency": "usd", "product": .string("prod_\(plan.name)"), "livemode": false,
            "unit_amount": .int(amount ?? plan.price.amount),
            "lookup_key": plan.lookupKey.map { .string($0) } ?? .null,
            "metadata": marked.map { ["cuebx_plan_id": .string($0)] } ?? [:],
            "recurring": ["interval": .string(interval), "interval_count": 1],
        ])
    }

    /// What is found where Stripe has the price for Plus, and the right one for Pro.
    private func off(
        plus: StripePrice?, isSold: Bool = true, catalog plans: [Plan]? = nil
    ) async throws -> [String] {
        let pro = try Self.price(TestCatalog.pro)
        var stripe = StripeClient.unimplemented
        stripe.listPrices = { filter throws(StripeError) in
            switch filter {
            case .lookupKey(let key): [plus, pro].compactMap { $0 }.filter { $0.lookupKey == key }
            case .product(let id): [plus, pro].compactMap { $0 }.filter { $0.productID == id }
            }
        }
        stripe.retrieveProduct = { id throws(StripeError) in
            do throws(StripeDecodingError) {
                return try StripeProduct([
                    "id": .string(id), "object": "product", "name": "Plan", "metadata": [:],
                    "active": .bool(isSold || id != "prod_Plus"), "livemode": false,
                ])
            } catch {
                throw StripeError(.notFound(parameter: nil))
            }
        }
        var findings: [SetupFinding] = []
        let catalog = try TestCatalog.catalog(
            plans ?? [TestCatalog.free, TestCatalog.plus, TestCatalog.pro])
        try await withTemporaryDatabase { [stripe] database in
            try await database.write { connection in
                try DirectLedger.install(catalog, in: connection, now: TestCatalog.start)
            }
            findings = try await StripePrices(
                stripe: stripe, database: database, catalog: CatalogStore()
            ).check()
        }
        return findings.filter { !$0.isRight }.map(\.text)
    }

    @Test("A price that sells what the catalog says is right")
    func right() async throws {
        #expect(try await off(plus: Self.price(TestCatalog.plus)) == [])
    }

    @Test("What nobody could buy, or would be charged otherwise for, is told")
    func wrong() async throws {
        let plus = TestCatalog.plus
        let cases: [(StripePrice?, Bool, String)] = [
            (nil, true, "no active price"),
            (try Self.price(plus, isActive: false), true, "no active price"),
            (try Self.price(plus, amount: 1999), true, "costs 19.99"),
            (try Self.price(plus, interval: "year"), true, "a year"),
            (try Self.price(plus, marked: TestCatalog.pro.id.text), true, "say otherwise"),
            (try Self.price(plus, marked: "none"), true, "say otherwise"),
            (try Self.price(plus), false, "archived"),
        ]
        for (price, isSold, reason) in cases {
            let found = try await off(plus: price, isSold: isSold)
            #expect(found.count == 1 && found[0].contains(reason), "\(found), not \(reason)")
        }
    }

    @Test("Metadata that name no plan of the catalog are told with what they say")
    func unknownPlan() async throws {
        let found = try await off(plus: Self.price(TestCatalog.plus, marked: "gold"))
        #expect(found.contains { $0.contains("gold") })
    }

    @Test("Plans of two currencies are told: nobody can be upgraded between them")
    func currencies() async throws {
        let euro = TestCatalog.plan(3, "Pro", .paid, price: 4000, credits: "2000", currency: "eur")
        let found = try await off(
            plus: Self.price(TestCatalog.plus),
            catalog: [TestCatalog.free, TestCatalog.plus, euro])
        #expect(found.contains { $0.contains("eur and usd") })
    }
}
