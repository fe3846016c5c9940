import CatalogSync
import Database
import Foundation
import LedgerStore
import Logging
import Moving
import Schema
import Settings
import Users
import Values

/// What every command of the binary stands on: an open, migrated database, the clock, the catalog
/// and the ledger.
public struct CareerCore: Sendable {
    public let settings: Settings
    public let logger: Logger
    public let database: any Database
    /// `nil` in production, where time is the wall's.
    public let developmentClock: DevelopmentClock?
    public let clock: DecisionClock
    public let catalog: CatalogStore
    /// The catalog of the API product, which may not be offered.
    public let apiCatalog = CatalogStore(of: .api)
    public let ledger: CareerLedger
    /// The ledger of workspaces.
    public let apiLedger: CareerLedger
    public let laneMetrics: LaneMetrics
    /// The database's own secret.
    let installation: InstallationSecret

    /// Opens the database, brings its schema up to date and gives a new one its catalog.
    ///
    /// - Parameters:
    ///   - needsCatalog: false for who brings a catalog, and has to be able to do so where the
    ///     database has none, or one that cannot be read.
    ///   - serves: whether this is the process that serves, which alone checkpoints SQLite's WAL.
    public static func open(
        _ settings: Settings, logger: Logger, needsCatalog: Bool = true, serves: Bool = false
    ) async throws -> CareerCore {
        let database = try await openDatabase(settings, serves: serves)
        let developmentClock = settings.isDevelopment ? DevelopmentClock(database: database) : nil
        try await developmentClock?.refresh()
        let clock = developmentClock?.clock ?? .wall
        let catalog = CatalogStore()
        if needsCatalog {
            try await CatalogSync(database: database, clock: clock)
                .applyAtFirstStart(path: settings.catalogPath)
            _ = try await catalog.current(in: database)
        }
        let secret = try await database.read { try Installation.secret(in: $0) }
        let core = CareerCore(
            settings, logger, database, developmentClock, clock, catalog,
            InstallationSecret(secret))
        _ = try await core.apiCatalog.ifOffered(in: database)
        core.ledger.start()
        core.apiLedger.start()
        return core
    }

    /// What the service's addresses can be listed from: nothing is opened, and no thread runs.
    static func withoutDatabase(_ settings: Settings, logger: Logger) -> CareerCore {
        CareerCore(
            settings, logger, NoDatabase(), nil, .wall, CatalogStore(), InstallationSecret([]))
    }

    private init(
        _ settings: Settings, _ logger: Logger, _ database: any Database,
        _ developmentClock: DevelopmentClock?, _ clock: DecisionClock, _ catalog: CatalogStore,
        _ installation: InstallationSecret
    ) {
        self.settings = settings
        self.logger = logger
        self.database = database
        self.developmentClock = developmentClock
        self.clock = clock
        self.catalog = catalog
        self.installation = installation
        laneMetrics = LaneMetrics()
        let spans = LedgerSpans(
            reservationTTL: settings.reservationTTL, pastDueGrace: settings.pastDueGrace)
        ledger = CareerLedger(
            database: database, source: .career(holderStanding: UserRow.holderStanding),
            catalog: catalog, clock: clock, spans: spans, metrics: laneMetrics, logger: logger)
        apiLedger = CareerLedger(
            database: database, source: .ofWorkspaces, catalog: apiCatalog, clock: clock,
            spans: spans, metrics: laneMetrics, logger: logger)
    }

    /// How long another process's change of the catalog may go unnoticed.
    public static let catalogPause = Duration.seconds(1)

    /// Takes over what other processes change: the catalog and the development clock's offset.
    ///
    /// - Parameter pause: how long a change may go unnoticed.
    public func refresher(pause: Duration = catalogPause) -> PeriodicService {
        PeriodicService(name: "refreshing clock and catalog", pause: pause, logger: logger) {
            try await database.read { connection in
                try developmentClock?.refresh(in: connection)
                _ = try catalog.current(in: connection)
                _ = try apiCatalog.ifOffered(in: connection)
            }
        }
    }

    /// In development, takes over the clock that another process may have moved: before a request,
    /// which waits for a database that hangs a moment only, and before the worker claims.
    var freshenClock: @Sendable () async -> Void {
        { [developmentClock] in await developmentClock?.freshen() }
    }
    var freshenClockPatiently: @Sendable () async -> Void {
        { [developmentClock] in await developmentClock?.freshenPatiently() }
    }

    /// Opens the database that `DATABASE_URL` names and migrates it.
    public static func openDatabase(
        _ settings: Settings, serves: Bool = false
    ) async throws -> any Database {
        let database = try engine(settings.databaseURL, checkpoints: serves)
        try await prepare(database)
        try await database.read { try ImportMark.refuseUnfinished($0) }
        return database
    }

    /// Migrates the database and gives a new one its secret.
    static func prepare(_ database: any Database) async throws {
        if try await database.read({ try isPrepared($0) }) { return }
        try await Migrator(migrations).migrate(database, now: DecisionClock.wall.now())
        try await database.write { try Installation.establish(in: $0) }
    }

    /// Whether nothing is left to do: then a command does not wait for a busy server's writes.
    private static func isPrepared(_ connection: any DatabaseConnection) throws -> Bool {
        try Migrator.version(connection) == Int64(migrations.count)
            && Installation.exists(in: connection)
    }

    /// The engine that the URL's scheme names. The URL itself is never told: it may hold a
    /// password.
    static func engine(_ url: String, checkpoints: Bool = false) throws -> any Database {
        if let path = url.wholeMatch(of: /sqlite:(.+)/)?.1 {
            return try SQLiteDatabase(path: String(path), checkpoints: checkpoints)
        }
        if url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") {
            return try PostgreSQLDatabase(url: url)
        }
        throw SettingsError(
            "DATABASE_URL", "must be sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE")
    }

    /// Finishes what the ledgers have taken, and takes nothing more.
    public func closeLedgers() {
        ledger.close()
        apiLedger.close()
    }

    public func close() throws {
        closeLedgers()
        try database.close()
    }
}
