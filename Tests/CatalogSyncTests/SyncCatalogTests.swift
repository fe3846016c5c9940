import CatalogSync
import Database
import Foundation
import Ledger
import LedgerStore
import TestFixtures
import Testing
import Values

@Suite("A sync makes the database's catalog the file's, or changes nothing")
struct SyncCatalogTests {
    private func withSync(
        _ body: (CatalogSync, any Database) async throws -> Void
    ) async throws {
        try await withTemporaryDatabase { database in
            _ = try await database.write { try Installation.establish(in: $0) }
            let sync = CatalogSync(
                database: database, clock: DecisionClock { TestCatalog.start })
            _ = try await sync.sync([TestCatalog.catalog()], dryRun: false)
            try await body(sync, database)
        }
    }

    private func revision(_ database: any Database) async throws -> Int64 {
        try await database.integer("SELECT catalog_revision FROM installation")
    }

    @Test("A catalog that is there already is no change, so that nobody reads it anew")
    func again() async throws {
        try await withSync { sync, database in
            let before = try await revision(database)
            #expect(try await sync.sync([TestCatalog.catalog()], dryRun: false) == [])
            #expect(try await revision(database) == before)
        }
    }

    @Test("A dry run tells what would change and writes nothing")
    func dryRun() async throws {
        try await withSync { sync, database in
            let before = try await revision(database)
            let dearer = TestCatalog.plan(2, "Plus", .paid, price: 2500, credits: "500")
            let wanted = try TestCatalog.catalog([TestCatalog.free, dearer])
            let told = ["plan Plus changes", "plan Pro is no longer offered"]
            #expect(try await sync.sync([wanted], dryRun: true) == told)
            #expect(try await revision(database) == before)
            #expect(try await sync.sync([wanted], dryRun: false) == told)
            #expect(try await revision(database) == before + 1)
        }
    }

    @Test(
        "A plan that loses its key, or takes another's name or key, is refused",
        arguments: [
            TestCatalog.plan(2, "Plus", .paid, price: 2000, credits: "5", lookupKey: "other"),
            TestCatalog.plan(9, "Plus", .paid, price: 2000, credits: "5", lookupKey: "other"),
            TestCatalog.plan(9, "Other", .paid, price: 2000, credits: "5", lookupKey: "plus"),
        ])
    func refused(plan: Plan) async throws {
        try await withSync { sync, database in
            let before = try await revision(database)
            let wanted = try TestCatalog.catalog([TestCatalog.free, plan])
            for dryRun in [true, false] {
                await #expect(throws: CatalogError.self) {
                    try await sync.sync([wanted], dryRun: dryRun)
                }
            }
            #expect(try await revision(database) == before)
            let offered = try await database.texts(
                "SELECT name FROM plans WHERE is_active = 1 ORDER BY name")
            #expect(offered == ["Free", "Plus", "Pro"])
        }
    }

    private func catalog(
        _ feature: FeatureCostConfig, rollover: Rollover? = nil
    ) throws -> Catalog {
        let free = TestCatalog.free
        let pricing = PlanPricingRule(
            multiplier: .oneAndAHalf, creditsAllocation: free.pricing.creditsAllocation,
            rateLimitPerMinute: 10, rateLimitPerDay: 100, rollover: rollover)
        let plan = Plan(
            id: free.id, name: free.name, description: "", price: free.price,
            displayPrice: free.displayPrice, kind: .free, trialDays: 0, isActive: true, rank: 1,
            features: [], lookupKey: nil, pricing: pricing)
        return try Catalog(revision: 1, plans: [plan], features: [feature])
    }

    private static func chat(input: String, overuse: FeatureCostConfig.Overuse) -> FeatureCostConfig
    {
        func credits(_ text: String) -> Credits { Credits(decimal: text)! }
        return FeatureCostConfig(
            featureKey: "chat", productType: "career", internalCost: credits("0.5"),
            tokenPrices: [
                TokenPrice(
                    model: "m*", input: credits(input), cachedInput: credits("0.000001"),
                    output: credits("1000000000"), reasoning: .zero),
                TokenPrice(model: "\"n\\", input: .zero, output: .zero),
            ], defaultHold: credits("2"), maximumHoldSeconds: 60, overuse: overuse,
            lateCommitSeconds: 9)
    }

    @Test("Prices of tokens and a plan's rollover are read as they were synced")
    func prices() async throws {
        try await withSync { sync, database in
            let rollover = Rollover(maxCredits: Credits(decimal: "50")!, periods: 3)
            let wanted = try catalog(
                Self.chat(input: "1", overuse: .ifAvailable), rollover: rollover)
            _ = try await sync.sync([wanted], dryRun: false)
            let stored = try await CatalogStore().current(in: database)
            #expect(stored.features == wanted.features)
            #expect(stored.freePlan.pricing == wanted.freePlan.pricing)
            #expect(try await sync.sync([wanted], dryRun: false) == [])
            // Each of them is a change of its own.
            let dearer = try catalog(
                Self.chat(input: "2", overuse: .ifAvailable), rollover: rollover)
            let capped = try catalog(Self.chat(input: "2", overuse: .cap), rollover: rollover)
            let ended = try catalog(Self.chat(input: "2", overuse: .cap))
            #expect(try await sync.sync([dearer], dryRun: false) == ["feature chat changes"])
            #expect(try await sync.sync([capped], dryRun: false) == ["feature chat changes"])
            #expect(try await sync.sync([ended], dryRun: false) == ["plan Free changes"])
            #expect(try await CatalogStore().current(in: database).freePlan.pricing.rollover == nil)
        }
    }

    private static func pack(
        _ number: UInt8, price: Int64 = 500, days: Int64? = 365, isActive: Bool = true
    ) -> CreditPack {
        CreditPack(
            id: UUID(uuid: (9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number)),
            name: "Pack \(number)", price: Money(amount: price, currency: .usd)!,
            credits: Credits(decimal: "100")!, validDays: days, lookupKey: "pack_\(number)",
            isActive: isActive)
    }

    @Test("Packs are read as they were synced; one that is gone stays, sold no longer")
    func packs() async throws {
        try await withSync { sync, database in
            func synced(_ packs: CreditPack...) async throws -> [String] {
                let wanted = try Catalog(
                    revision: 1, plans: [TestCatalog.free, TestCatalog.plus, TestCatalog.pro],
                    features: TestCatalog.features, packs: packs)
                return try await sync.sync([wanted], dryRun: false)
            }
            let (one, two) = (Self.pack(1), Self.pack(2, price: 400, days: nil))
            #expect(try await synced(one, two) == ["pack Pack 2 is new", "pack Pack 1 is new"])
            #expect(try await CatalogStore().current(in: database).packs == [two, one])
            #expect(try await synced(one, two) == [])
            #expect(
                try await synced(Self.pack(1, price: 600)) == [
                    "pack Pack 1 changes", "pack Pack 2 is no longer offered",
                ])
            let stored = try await CatalogStore().current(in: database).packs
            #expect(stored.map(\.isActive) == [false, true])
            #expect(stored.map(\.price.amount) == [400, 600])
            // Another pack may have the key of one that is gone.
            let heir = CreditPack(
                id: Self.pack(3).id, name: "Pack 2", price: one.price, credits: one.credits,
                validDays: nil, lookupKey: "pack_2", isActive: true)
            #expect(try await synced(Self.pack(1, price: 600), heir) == ["pack Pack 2 is new"])
            #expect(try await CatalogStore().current(in: database).packs.count == 3)
        }
    }

    @Test("What a replaced catalog charged is found by its number, by any process, for good")
    func formerTerms() async throws {
        try await withSync { sync, database in
            let first = try await revision(database)
            var known: [Int64: CatalogTerms] = [
                first: try await CatalogStore().current(in: database).terms
            ]
            for input in ["1", "2", "3"] {
                let wanted = try catalog(Self.chat(input: input, overuse: .ifAvailable))
                _ = try await sync.sync([wanted], dryRun: true)
                _ = try await sync.sync([wanted], dryRun: false)
                let now = try await CatalogStore().current(in: database)
                known[now.revision] = now.terms
            }
            #expect(known.count == 4)
            let store = CatalogStore()
            for (revision, terms) in known {
                // The second time from memory.
                for _ in 0..<2 {
                    let found = try await database.read { connection in
                        try store.terms(revision: revision, in: connection)
                    }
                    #expect(found == terms)
                }
            }
            let unknown = try await database.read { connection in
                try store.terms(revision: 99, in: connection)
            }
            #expect(unknown == nil)
            let chat = known[first + 1]?.terms(of: "chat", on: TestCatalog.free.id)
            #expect(chat?.multiplier == .oneAndAHalf)
            #expect(chat?.feature.tokenPrice(of: "m1")?.input.decimal == "1.00")
            // A plan that is no longer offered has its multiplier, since somebody may be on it.
            #expect(known[first + 1]?.multipliers[TestCatalog.plus.id] == .one)
            #expect(known[first]?.terms(of: "chat", on: TestCatalog.free.id) == nil)
        }
    }

    @Test("Two plans may take each other's names")
    func swapped() async throws {
        try await withSync { sync, database in
            let wanted = try TestCatalog.catalog([
                TestCatalog.free,
                TestCatalog.plan(2, "Pro", .paid, price: 2000, credits: "5", lookupKey: "plus"),
                TestCatalog.plan(3, "Plus", .paid, price: 4000, credits: "9", lookupKey: "pro"),
            ])
            #expect(try await sync.sync([wanted], dryRun: false).count == 2)
            let names = try await database.texts("SELECT name FROM plans ORDER BY rank")
            #expect(names == ["Free", "Pro", "Plus"])
        }
    }
}
