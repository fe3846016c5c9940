import Billing
import Foundation
import JSON
import Ledger
import Stripe
import TestFixtures
import Testing
import Values

/// A price as Stripe sends it.
func stripePrice(
    _ id: String = "price_1", amount: Int64? = 2000, currency: String = "usd",
    interval: String? = "month", count: Int64 = 1, lookupKey: String? = nil, plan: String? = nil
) throws -> StripePrice {
    try StripePrice([
        "id": .string(id), "object": "price", "active": true, "currency": .string(currency),
        "product": "prod_1", "livemode": false, "unit_amount": amount.map { .int($0) } ?? .null,
        "lookup_key": lookupKey.map { .string($0) } ?? .null,
        "metadata": plan.map { ["cuebx_plan_id": .string($0)] } ?? [:],
        "recurring": interval.map {
            ["interval": .string($0), "interval_count": .int(count)]
        } ?? .null,
    ])
}

private func product(_ plan: String? = nil) throws -> StripeProduct {
    try StripeProduct([
        "id": "prod_1", "object": "product", "name": "Plus", "active": true, "livemode": false,
        "metadata": plan.map { ["cuebx_plan_id": .string($0)] } ?? [:],
    ])
}

@Suite("Which plan a price sells")
struct PlanOfPriceTests {
    private static let (plus, pro) = (TestCatalog.plus.id, TestCatalog.pro.id)

    @Test(
        "The price's metadata count first, then its lookup key",
        arguments: [
            (nil, plus.text, .plan(plus)), ("pro", plus.text, .plan(plus)),
            ("pro", plus.text.uppercased(), .plan(plus)), ("pro", nil, .plan(pro)),
            ("pro", "", .plan(pro)), ("pro", "none", .nothing), ("PRO", nil, nil),
            ("free", nil, nil), (nil, nil, nil), ("pro", "NONE", .unknownPlan("NONE")),
            (nil, "plus", .unknownPlan("plus")),
            (
                "pro", "0198c0de-0000-7000-8000-00000000000f",
                .unknownPlan("0198c0de-0000-7000-8000-00000000000f")
            ),
        ] as [(String?, String?, PriceMeaning?)])
    func byItself(lookupKey: String?, plan: String?, meaning: PriceMeaning?) throws {
        let rule = PlanOfPrice(try TestCatalog.catalog())
        let price = try stripePrice(lookupKey: lookupKey, plan: plan)
        #expect(rule.byItself(price) == meaning)
    }

    @Test(
        "Of a price that says nothing the product decides, if it names one plan and no other",
        arguments: [
            (nil, [], .nothing), (nil, [nil], .nothing), (nil, ["none"], .nothing),
            (plus.text, [nil], .plan(plus)), (nil, [nil, plus.text], .plan(plus)),
            (plus.text, [plus.text, "none"], .plan(plus)),
            (plus.text, [pro.text], .ambiguous(["Plus", "Pro"])),
            (nil, [plus.text, pro.text], .ambiguous(["Plus", "Pro"])),
            ("nonsense", [pro.text], .plan(pro)), ("none", [pro.text], .plan(pro)),
        ] as [(String?, [String?], PriceMeaning)])
    func byProduct(plan: String?, prices: [String?], meaning: PriceMeaning) throws {
        let rule = PlanOfPrice(try TestCatalog.catalog())
        let found = rule.byProduct(
            try product(plan), prices: try prices.map { try stripePrice(plan: $0) })
        #expect(found == meaning)
    }

    @Test("A price that Stripe does not know sells nothing; a Stripe that is away is an error")
    func unknownPrice() async throws {
        try await withTemporaryDatabase { database in
            try await installCatalog(in: database)
            func plan(_ error: StripeError) async throws -> UUID? {
                var stripe = StripeClient.unimplemented
                stripe.retrievePrice = { _ throws(StripeError) in throw error }
                return try await StripePrices(
                    stripe: stripe, database: database, catalog: .init()
                ).plan(ofPriceID: "price_9", among: [try stripePrice(plan: Self.plus.text)])
            }
            #expect(try await plan(StripeError(.notFound(parameter: nil))) == nil)
            await #expect(throws: StripeError.self) { try await plan(StripeError(.unavailable)) }
        }
    }
}

@Suite("Prices in words")
struct SpokenPriceTests {
    private func item(_ price: String, quantity: Int64? = 1) throws -> StripeSubscription.Item {
        try subscription(
            items: "[\(try itemJSON(price, quantity: quantity))]"
        ).items[0]
    }

    private func text(_ prices: [StripePrice], quantity: Int64 = 1) throws -> String {
        let items = try prices.map { price in
            try item(
                """
                {"id":"\(price.id)","object":"price","active":true,"product":"prod_1",\
                "currency":"\(price.currency)","livemode":false,\
                "unit_amount":\(price.unitAmount.map { "\($0)" } ?? "null"),\
                "lookup_key":\(price.lookupKey.map { "\"\($0)\"" } ?? "null"),"metadata":{},\
                "recurring":{"interval":"\(price.interval ?? "month")",\
                "interval_count":\(price.intervalCount ?? 1)}}
                """, quantity: quantity)
        }
        return SpokenPrice(catalog: try TestCatalog.catalog(), items: items)
            .text(of: TestCatalog.plus)
    }

    @Test("What Stripe charges is told, not what the catalog says now")
    func charged() throws {
        #expect(try text([stripePrice(lookupKey: "plus")]) == "$20 / month")
        #expect(try text([stripePrice(amount: 1500)]) == "$15.00 / month")
        #expect(try text([stripePrice(amount: 1500, currency: "eur")]) == "€15.00 / month")
        #expect(try text([stripePrice(interval: "year")]) == "$20.00 / year")
        #expect(try text([stripePrice(count: 3)]) == "$20.00 / 3 months")
        #expect(try text([stripePrice(lookupKey: "plus")], quantity: 2) == "$40.00 / month")
    }

    @Test("Without a price that can be told it is the catalog's")
    func catalogs() throws {
        #expect(try text([]) == "$20 / month")
        #expect(try text([stripePrice(amount: nil)]) == "$20 / month")
        #expect(try text([stripePrice(amount: 1), stripePrice(amount: 2)]) == "$20 / month")
        let both = [try stripePrice(amount: 900), try stripePrice(amount: 700, lookupKey: "plus")]
        #expect(try text(both) == "$7.00 / month")
    }

    @Test(
        "A plan's words name its price, or the price is told in their place",
        arguments: [
            ("$20 / month", true), ("20.00 USD", true), ("now 20.", true), ("1,20", false),
            ("$200", false), ("$20.01", false), ("Free", false), ("was $25, is $20", true),
            ("٢٠", false),
        ])
    func words(text: String, isNamed: Bool) {
        let plus = TestCatalog.plus
        let plan = Plan(
            id: plus.id, name: plus.name, description: "", price: plus.price, displayPrice: text,
            kind: .paid, trialDays: 0, isActive: true, rank: 1, features: [], lookupKey: "plus",
            pricing: plus.pricing)
        #expect(plan.namesItsPrice == isNamed)
        #expect(plan.spokenPrice == (isNamed ? text : "$20.00 / month"))
    }
}
