import Foundation
import Ledger
import Testing
import Values

/// The test's plans and features with one thing changed.
extension LedgerRules {
    static func testing(
        _ plans: [Plan], matchCosts: String = "1"
    ) -> LedgerRules {
        LedgerRules(
            catalog: try! Catalog(
                revision: 2, plans: plans,
                features: [
                    FeatureCostConfig(
                        featureKey: "match", productType: "career",
                        internalCost: Credits(decimal: matchCosts)!)
                ]),
            reservationTTL: TestLedger.rules.reservationTTL,
            pastDueGrace: TestLedger.rules.pastDueGrace)
    }
}

@Suite("The catalog is data")
struct CatalogTests {
    private static func plan(
        _ number: UInt8, _ name: String, _ kind: Plan.Kind, isActive: Bool = true,
        rank: Int64? = nil, lookupKey: String? = nil, multiplier: String = "1",
        interval: Plan.Interval = .month
    ) -> Plan {
        let model = TestLedger.plan(
            number, name, kind, price: 0, credits: "1", minute: 1, day: 1, multiplier: multiplier)
        return Plan(
            id: model.id, name: name, description: "", price: .zero(.usd),
            displayPrice: "", kind: kind, interval: interval, trialDays: 0, isActive: isActive,
            rank: rank ?? Int64(number), features: [], lookupKey: lookupKey,
            pricing: model.pricing)
    }

    private static func feature(
        _ key: String, models: [String] = [], hold: String? = nil
    ) -> FeatureCostConfig {
        let one = Credits(decimal: "1")!
        return FeatureCostConfig(
            featureKey: key, productType: "career", internalCost: one,
            tokenPrices: models.map { TokenPrice(model: $0, input: one, output: one) },
            defaultHold: hold.map { Credits(decimal: $0)! })
    }

    /// Each has one flaw, and no other.
    static let flawed: [(flaw: String, plans: [Plan], features: [FeatureCostConfig])] = [
        ("exactly one active plan must be free", [plan(1, "A", .paid, lookupKey: "a")], []),
        ("exactly one active plan must be free", [plan(1, "A", .free, isActive: false)], []),
        (
            "exactly one active plan must be free", [plan(1, "A", .free), plan(2, "B", .free)], []
        ),
        (
            "id must be unique", [plan(1, "A", .free), plan(1, "B", .paid, rank: 2)], []
        ),
        ("name must be unique", [plan(1, "A", .free), plan(2, "A", .paid)], []),
        ("rank must be unique", [plan(1, "A", .free), plan(2, "B", .paid, rank: 1)], []),
        (
            "lookup_key must be unique",
            [
                plan(1, "A", .free), plan(2, "B", .paid, lookupKey: "x"),
                plan(3, "C", .paid, lookupKey: "x"),
            ], []
        ),
        (
            "A: a free plan's interval must be month", [plan(1, "A", .free, interval: .year)], []
        ),
        ("feature_key must be unique", [plan(1, "A", .free)], [feature("f"), feature("f")]),
        (
            "f has token_prices and so needs a default_hold", [plan(1, "A", .free)],
            [feature("f", models: ["m"], hold: nil)]
        ),
        (
            "f has token_prices and so needs a default_hold", [plan(1, "A", .free)],
            [feature("f", models: ["m"], hold: "0")]
        ),
        (
            "f has token_prices of one model twice", [plan(1, "A", .free)],
            [feature("f", models: ["m", "n*", "m"], hold: "1")]
        ),
        (
            "f on B has a default_hold beyond a billion credits",
            [plan(1, "A", .free), plan(2, "B", .paid, multiplier: "1.000001")],
            [feature("f", models: ["m"], hold: "1000000000")]
        ),
    ]

    @Test("Each rule of the catalog is asked for by itself", arguments: flawed.indices)
    func flaw(index: Int) {
        let (flaw, plans, features) = Self.flawed[index]
        let error = #expect(throws: CatalogError.self) {
            try Catalog(revision: 1, plans: plans, features: features)
        }
        #expect(error?.flaws == [flaw])
    }

    @Test("An inactive plan may have the rank of an active one: it is history")
    func inactiveRank() throws {
        let plans = [
            Self.plan(1, "A", .free), Self.plan(2, "B", .paid, isActive: false, rank: 1),
        ]
        #expect(try Catalog(revision: 1, plans: plans, features: []).plans.count == 2)
    }

    @Test("A call costs by the multiplier of its user's own plan")
    func multiplier() {
        var ledger = TestLedger()
        let free = TestLedger.plan(
            1, "Free", .free, price: 0, credits: "25", minute: 10, day: 100, multiplier: "2.5")
        let plus = TestLedger.plan(
            2, "Plus", .paid, price: 2000, credits: "500", minute: 30, day: nil,
            multiplier: "0.75")
        ledger.rules = .testing([free, plus])
        let (poor, rich) = (ledger.newUser(), ledger.newUser())
        ledger.apply(ApplyBilling(userID: rich, snapshot: .plus()))
        #expect(ledger.logs[ledger.reserve(poor)]?.creditsReserved.decimal == "2.50")
        #expect(ledger.logs[ledger.reserve(rich)]?.creditsReserved.decimal == "0.75")
        #expect(ledger.context(poor).reserved.decimal == "2.50")
        #expect(ledger.brokenInvariants().isEmpty)
    }

    @Test("A reservation keeps the cost with which it was made, whatever the catalog says later")
    func costIsKept() {
        var ledger = TestLedger()
        let user = ledger.newUser()
        let (charged, freed) = (ledger.reserve(user, "charged"), ledger.reserve(user, "freed"))
        ledger.rules = .testing([TestLedger.free], matchCosts: "7")
        #expect(
            ledger.commit(user, charged)
                == .applied(.success, charged: Credits(decimal: "1")!, isReplay: false))
        _ = ledger.commit(user, freed, success: false)
        #expect(ledger.context(user).used.decimal == "1.00")
        #expect(ledger.context(user).reserved == .zero)
        // A replay shows what it holds; a new request costs what the catalog says now.
        let held = ledger.reserve(user, "held")
        ledger.rules = .testing([TestLedger.free], matchCosts: "3")
        guard case .granted(let replay, _) = ledger.validate(user, "held") else {
            Issue.record("the replay was refused")
            return
        }
        #expect(replay.usageID == held && replay.creditsReserved.decimal == "7.00")
        #expect(ledger.brokenInvariants().isEmpty)
    }

    @Test("A changed allocation counts from the next period on")
    func allocation() {
        var ledger = TestLedger()
        let user = ledger.newUser()
        let smaller = TestLedger.plan(
            1, "Free", .free, price: 0, credits: "10", minute: 10, day: 100)
        ledger.rules = .testing([smaller])
        ledger.apply(SettleAccount(userID: user))
        #expect(ledger.context(user).allocated.decimal == "25.00")
        ledger.advance(days: 31)
        ledger.apply(SettleAccount(userID: user))
        #expect(ledger.context(user).allocated.decimal == "10.00")
    }

    @Test("A catalog is refused with every flaw that it has")
    func catalog() {
        let twice = [TestLedger.plus, TestLedger.plus]
        #expect(throws: CatalogError.self) { try Catalog(revision: 1, plans: twice, features: []) }
        do {
            _ = try Catalog(revision: 1, plans: twice, features: [])
        } catch {
            #expect(error.flaws.count >= 4)
        }
    }
}

extension BillingSnapshot {
    /// Plus, or another plan, paid for 30 days from the ledger's start or from a later day.
    static func plus(
        _ plan: Plan = TestLedger.plus, _ status: Subscription.Status = .active,
        invoice: String? = "in_1", from: Int64 = 0, invoicedPlan: Plan? = nil,
        isRevoked: Bool = false
    ) -> BillingSnapshot {
        let start = TestLedger.start.adding(seconds: from * 86_400)
        return BillingSnapshot(
            customerID: "cus_1", subscriptionID: "sub_1", planID: plan.id, status: status,
            cancelAtPeriodEnd: false, canceledAt: nil, endedAt: nil, trialEnd: nil,
            paid: invoice.map {
                PaidPeriod(
                    invoiceID: $0, planID: (invoicedPlan ?? plan).id, start: start,
                    end: start.adding(seconds: 30 * 86_400))
            },
            isRevoked: isRevoked,
            changedPlanAt: invoicedPlan == nil ? nil : start)
    }
}
