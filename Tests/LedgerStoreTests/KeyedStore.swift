import Database
import Foundation
import Ledger
import LedgerStore
import Logging
import Synchronization
import TestFixtures
import Values

/// The ledger of workspaces over a database of SQLite, with tables of keys and workspaces as their
/// owners may have them, and a clock that is set.
final class KeyedStore: Sendable {
    static let source = LedgerSource.api(
        holderStanding: "SELECT 1 FROM test_workspaces WHERE id = ?",
        keys: LedgerSource.KeyQueries(
            byHash: keyColumns + "hash = ?", byID: keyColumns + "id = ?",
            barrier: "SELECT is_frozen, is_suspended FROM test_workspaces WHERE id = ?"))
    private static let keyColumns =
        "SELECT id, workspace_id, family_id, is_test, is_revoked, expires_at, credit_limit "
        + "FROM test_keys WHERE "
    /// Ten credits a month, and a call costs one.
    static let basic = SeatTerms(price: .zero(.usd), minimum: 1, maximum: 1, lookupKey: nil)
    static func catalog(
        credits: String = "10", perMinute: Int64? = nil, costs: String = "1",
        overuse: FeatureCostConfig.Overuse = .cap, late: Int64 = 0
    ) throws -> Catalog {
        let plan = Plan(
            id: id(200), product: .api, name: "Free", description: "", price: .zero(.usd),
            displayPrice: "Free", kind: .free, trialDays: 0, isActive: true, rank: 0,
            features: [], lookupKey: nil,
            pricing: PlanPricingRule(
                multiplier: .one, creditsAllocation: Credits(decimal: credits)!,
                rateLimitPerMinute: perMinute, rateLimitPerDay: nil), seats: basic)
        return try Catalog(
            revision: 1, of: .api, plans: [plan],
            features: [
                FeatureCostConfig(
                    featureKey: "api.match", productType: "api",
                    internalCost: Credits(decimal: costs)!, overuse: overuse,
                    lateCommitSeconds: late)
            ])
    }

    let database: any Database
    let ledger: CareerLedger
    private let clock: SettableClock

    static func run(
        _ catalog: Catalog? = nil, _ body: (KeyedStore) async throws -> Void
    ) async throws {
        let catalog = try catalog ?? self.catalog()
        try await withTemporaryDatabase { database in
            try await database.write { connection in
                try DirectLedger.install(catalog, in: connection, now: TestCatalog.start)
                try connection.execute(
                    """
                    CREATE TABLE test_workspaces (id BLOB PRIMARY KEY,
                        is_frozen INTEGER NOT NULL DEFAULT 0,
                        is_suspended INTEGER NOT NULL DEFAULT 0)
                    """)
                try connection.execute(
                    """
                    CREATE TABLE test_keys (id BLOB PRIMARY KEY, workspace_id BLOB NOT NULL,
                        family_id BLOB NOT NULL, hash BLOB NOT NULL UNIQUE,
                        is_test INTEGER NOT NULL DEFAULT 0,
                        is_revoked INTEGER NOT NULL DEFAULT 0, expires_at INTEGER,
                        credit_limit INTEGER)
                    """)
            }
            let store = KeyedStore(over: database)
            do {
                try await body(store)
            } catch {
                store.ledger.close()
                throw error
            }
            store.ledger.close()
            let report = try await LedgerAudit(database: database).run()
            if report.found > 0 { throw Unsound(findings: report.findings.map(\.description)) }
        }
    }

    struct Unsound: Error {
        let findings: [String]
    }

    /// As another process has it.
    init(over database: any Database) {
        self.database = database
        let clock = SettableClock()
        ledger = CareerLedger(
            database: database, source: Self.source, catalog: CatalogStore(of: .api),
            clock: DecisionClock { clock.now() }, spans: Store.spans, metrics: LaneMetrics(),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        self.clock = clock
        ledger.start()
    }

    func advance(seconds: Int64) { clock.advance(seconds) }

    static func id(_ number: UInt8) -> UUID {
        UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, number))
    }

    /// A workspace with a subscription to the Free plan.
    func newWorkspace(_ number: UInt8, subscribes: Bool = true) async throws -> UUID {
        let id = Self.id(number)
        try await set("INSERT INTO test_workspaces (id) VALUES (?)", [.uuid(id)])
        if subscribes {
            _ = try await ledger.perform(
                ActivateFreeSubscription(userID: id, subscriptionID: id, former: nil))
        }
        return id
    }

    /// - Parameter family: the number of the key that this one was rotated from.
    func newKey(
        _ number: UInt8, of workspace: UUID, family: UInt8? = nil, isTest: Bool = false,
        limit: String? = nil, expiresAt: Timestamp? = nil
    ) async throws {
        try await set(
            """
            INSERT INTO test_keys (id, workspace_id, family_id, hash, is_test, expires_at,
                credit_limit)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .uuid(Self.id(number)), .uuid(workspace), .uuid(Self.id(family ?? number)),
                .blob([number]), .bool(isTest), .time(expiresAt),
                .credits(limit.flatMap { Credits(decimal: $0) }),
            ])
    }

    func set(_ sql: String, _ arguments: [SQLValue]) async throws {
        try await database.write { _ = try $0.execute(sql, arguments) }
    }

    func revoke(_ number: UInt8) async throws {
        try await set(
            "UPDATE test_keys SET is_revoked = 1 WHERE id = ?", [.uuid(Self.id(number))])
    }

    func call(
        _ workspace: UUID, _ request: String = "r", feature: String = "api.match",
        parent: UUID? = nil
    ) -> ValidateUsage {
        ValidateUsage(
            key: IdempotencyKey(
                userID: workspace, requestID: request,
                payloadHash: String(repeating: "0", count: 64)
            ), featureKey: feature, call: UsageLog.Call(endpoint: "/", method: "POST"),
            parent: parent, randomness: .random(in: .min ... .max))
    }

    func validate(
        _ workspace: UUID, key: UInt8, _ request: String = "r", feature: String = "api.match",
        on ledger: CareerLedger? = nil
    ) async throws -> ValidateKeyedUsage.Outcome {
        try await (ledger ?? self.ledger).perform(
            ValidateKeyedUsage(
                call(workspace, request, feature: feature), keyHashes: [KeyHash([key])]))
    }

    func grant(
        _ workspace: UUID, key: UInt8, _ request: String = "r"
    ) async throws -> ValidateUsage.Grant? {
        try await validate(workspace, key: key, request).grant
    }

    func commit(
        _ workspace: UUID, _ usage: UUID, _ result: CommitUsage.Result = .success,
        credits: String? = nil
    ) async throws -> CommitUsage.Outcome {
        try await ledger.perform(
            CommitUsage(
                userID: workspace, usageID: usage, result: result, metrics: UsageLog.Metrics(),
                credits: credits.flatMap { Credits(decimal: $0) }, isByKey: true))
    }

    func context(of workspace: UUID) async throws -> CareerSubscriptionContext? {
        try await database.write {
            try DirectLedger.entry(of: workspace, Self.source, in: $0)?.account?.context
        }
    }

    func logs(of workspace: UUID) async throws -> [UsageLog] {
        try await database.read {
            try DirectLedger.logs(of: workspace, .of(.api), in: $0)
        }
    }
}

/// A clock that a test sets.
final class SettableClock: Sendable {
    private let instant = Mutex(TestCatalog.start)

    func now() -> Timestamp { instant.withLock { $0 } }

    func advance(_ seconds: Int64) { instant.withLock { $0 = $0.adding(seconds: seconds) } }
}

extension ValidateKeyedUsage.Outcome {
    var grant: ValidateUsage.Grant? {
        guard case .judged(let outcome, _) = self else { return nil }
        return outcome.grant
    }

    var denial: ValidateUsage.Denial? {
        guard case .judged(.denied(let denial, _), _) = self else { return nil }
        return denial
    }

    var limitRefusal: KeyLimitRefusal? {
        guard case .keyLimitReached(let refusal, _) = self else { return nil }
        return refusal
    }
}
