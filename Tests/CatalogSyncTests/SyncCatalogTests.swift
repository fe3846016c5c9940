import CatalogSync
import Database
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
            _ = try await sync.sync(TestCatalog.catalog(), dryRun: false)
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
            #expect(try await sync.sync(TestCatalog.catalog(), dryRun: false) == [])
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
            #expect(try await sync.sync(wanted, dryRun: true) == told)
            #expect(try await revision(database) == before)
            #expect(try await sync.sync(wanted, dryRun: false) == told)
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
                    try await sync.sync(wanted, dryRun: dryRun)
                }
            }
            #expect(try await revision(database) == before)
            let offered = try await database.texts(
                "SELECT name FROM plans WHERE is_active = 1 ORDER BY name")
            #expect(offered == ["Free", "Plus", "Pro"])
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
            #expect(try await sync.sync(wanted, dryRun: false).count == 2)
            let names = try await database.texts("SELECT name FROM plans ORDER BY rank")
            #expect(names == ["Free", "Pro", "Plus"])
        }
    }
}
