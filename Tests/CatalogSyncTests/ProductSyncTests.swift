import CatalogSync
import Database
import Foundation
import Ledger
import LedgerStore
import TestFixtures
import Testing
import Values

@Suite("Each product's catalog is synced by itself")
struct ProductSyncTests {
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

    private func offered(
        _ product: Product, _ database: any Database
    ) async throws -> Catalog? {
        try await CatalogStore(of: product).ifOffered(in: database)
    }

    @Test("A product that was never synced is not offered; once synced it is read as it was")
    func offered() async throws {
        try await withSync { sync, database in
            #expect(try await offered(.api, database) == nil)
            await #expect(throws: CatalogError.self) {
                _ = try await CatalogStore(of: .api).current(in: database)
            }
            let told = try await sync.sync(
                [TestCatalog.catalog(), TestCatalog.api()], dryRun: false)
            #expect(
                told == [
                    "api plan Free is new", "api plan Basic is new",
                    "feature api.match is new",
                ])
            let api = try #require(try await offered(.api, database))
            #expect(api.plans == TestCatalog.apiPlans && api.freePlan.name == "Free")
            #expect(Array(api.features.keys) == ["api.match"])
            let career = try #require(try await offered(.career, database))
            #expect(career.plans.map(\.name) == ["Free", "Plus", "Pro"])
            #expect(career.features["api.match"] == nil && career.freePlan.product == .career)
            #expect(
                try await sync.sync([TestCatalog.catalog(), TestCatalog.api()], dryRun: false)
                    == [])
        }
    }

    @Test(
        "A product that a file does not name stays as it is, and is known by a revision that moves")
    func left() async throws {
        try await withSync { sync, database in
            _ = try await sync.sync([TestCatalog.api()], dryRun: false)
            let store = CatalogStore(of: .api)
            let before = try await store.current(in: database)
            let wanted = try TestCatalog.catalog([TestCatalog.free, TestCatalog.plus])
            let told = try await sync.sync([wanted], dryRun: false)
            #expect(told == ["plan Pro is no longer offered"])
            let after = try await store.current(in: database)
            #expect(after.plans == before.plans && after.features == before.features)
            #expect(after.revision == before.revision + 1)
            // What both charged before is kept together.
            let terms = try await database.read { connection in
                try store.terms(revision: before.revision, in: connection)
            }
            #expect(Set(terms?.features.keys.map { $0 } ?? []) == ["match", "api.match"])
        }
    }

    @Test("A plan keeps its product, a seat its key, and no product takes another's keys or ids")
    func kept() async throws {
        try await withSync { sync, database in
            _ = try await sync.sync([TestCatalog.api()], dryRun: false)
            let (free, basic) = (TestCatalog.apiPlans[0], TestCatalog.apiPlans[1])
            let revision = try await database.integer("SELECT catalog_revision FROM installation")
            func seats(_ key: String) -> SeatTerms {
                SeatTerms(
                    price: basic.seats!.price, minimum: 1, maximum: 5, lookupKey: key)
            }
            let cases: [(Plan, String)] = [
                (TestCatalog.apiPlan(102, "Basic", .paid, price: 1900, seats("other")), "api_seat"),
                (TestCatalog.apiPlan(103, "Basic", .paid, price: 1900, seats("new")), "name"),
                (
                    TestCatalog.apiPlan(103, "New", .paid, price: 1900, seats("api_seat")),
                    "api_seat"
                ),
                (TestCatalog.apiPlan(103, "New", .paid, price: 1900, seats("plus")), "plus"),
                (TestCatalog.apiPlan(2, "New", .paid, price: 1900, seats("new")), "of career"),
            ]
            for (plan, flaw) in cases {
                do {
                    _ = try await sync.sync([TestCatalog.api([free, plan])], dryRun: false)
                    Issue.record("\(plan.name) of \(flaw) was synced")
                } catch let error as CatalogError {
                    #expect(error.flaws.contains { $0.contains(flaw) }, "\(error.flaws)")
                }
            }
            #expect(
                try await database.integer("SELECT catalog_revision FROM installation")
                    == revision)
        }
    }

    @Test("A pack keeps its product: under another it would go on being sold to the first's users")
    func packs() async throws {
        func pack(_ product: Product) -> CreditPack {
            CreditPack(
                id: UUID(uuid: (9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)), product: product,
                name: "Pack", price: Money(amount: 500, currency: .usd)!,
                credits: Credits(decimal: "100")!, validDays: nil, lookupKey: "pack",
                isActive: true)
        }
        func career(_ packs: [CreditPack]) throws -> Catalog {
            let plain = try TestCatalog.catalog()
            return try Catalog(
                revision: 1, plans: plain.plans, features: Array(plain.features.values),
                packs: packs)
        }
        let plain = try TestCatalog.api()
        let moved = try Catalog(
            revision: 1, of: .api, plans: plain.plans, features: Array(plain.features.values),
            packs: [pack(.api)])
        try await withSync { sync, database in
            _ = try await sync.sync([career([pack(.career)]), plain], dryRun: false)
            do {
                _ = try await sync.sync([career([]), moved], dryRun: false)
                Issue.record("a pack was moved to another product")
            } catch let error as CatalogError {
                #expect(error.flaws == ["pack Pack must stay a pack of career"])
            }
            #expect(try await offered(.career, database)?.packs == [pack(.career)])
            #expect(try await offered(.api, database)?.packs == [])
        }
    }

    @Test("A catalog in which another product's plan, pack or feature stands is none")
    func strangers() throws {
        let api = try TestCatalog.api()
        let features = Array(api.features.values)
        for (plans, features) in [
            ([TestCatalog.free], []), (TestCatalog.apiPlans, TestCatalog.features),
        ] {
            #expect(throws: CatalogError.self) {
                try Catalog(revision: 1, of: .api, plans: plans, features: features)
            }
        }
        #expect(throws: CatalogError.self) {
            try Catalog(revision: 1, plans: [TestCatalog.free], features: features)
        }
        let pack = CreditPack(
            id: UUID(), name: "P", price: .zero(.usd), credits: Credits(decimal: "1")!,
            validDays: nil, lookupKey: "p", isActive: true)
        #expect(throws: CatalogError.self) {
            try Catalog(
                revision: 1, of: .api, plans: TestCatalog.apiPlans, features: features,
                packs: [pack])
        }
    }
}
