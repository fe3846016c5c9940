import GRDB
import HTTPClient
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle

/// A local Stripe over real HTTP, for development and tests.
///
/// It answers the slice of Stripe's API (version `2026-10-28.endive`) that selling subscriptions
/// takes, renders the hosted checkout and the customer portal as plain pages, keeps everything in
/// one SQLite file, bills as its clock moves and delivers signed webhooks. Any `sk_test_` key is
/// good; a live key is refused. It is no part of Stripe and moves no money.
///
/// `/_test` holds what Stripe does not have: charges that fail, webhooks that are held, doubled or
/// shuffled, calls that hang or break off.
public struct StripeSandbox: Service {
    private let configuration: SandboxConfiguration
    private let sandbox: Sandbox
    private let client: HTTPClient

    /// Opens the database.
    ///
    /// - Throws: `SandboxConfigurationError` for an address outside this machine, or what SQLite
    ///   says about the file.
    public init(configuration: SandboxConfiguration) throws {
        guard Loopback.hosts.contains(configuration.host) else {
            throw SandboxConfigurationError.notLoopback(configuration.host)
        }
        for endpoint in configuration.webhookEndpoints
        where !Loopback.isAllowed(url: endpoint.url) {
            throw SandboxConfigurationError.notLoopback(endpoint.url)
        }
        var database = Configuration()
        database.journalMode = .wal
        database.prepareDatabase { db in try db.execute(sql: "PRAGMA synchronous = NORMAL") }
        PrivateFile.make(configuration.databasePath)
        let client = HTTPClient(maximumInFlight: WebhookDeliverer.maximumInFlight)
        self.client = client
        self.configuration = configuration
        sandbox = try Sandbox(
            queue: DatabaseQueue(path: configuration.databasePath, configuration: database),
            deliverer: { queue, knobs in
                WebhookDeliverer(
                    queue: queue, client: client, knobs: knobs,
                    retryDelays: configuration.webhookRetryDelays, logger: configuration.logger)
            }, configuration: configuration)
    }

    /// Answers requests until the service group shuts down gracefully.
    public func run() async throws {
        defer { client.shutdown() }
        let endpoints = configuration.webhookEndpoints
        try await sandbox.transaction { try $0.configureEndpoints(endpoints) }
        let configuration = configuration
        let sandbox = sandbox
        var logger = configuration.logger
        // Below that each of its services is spelled out by reflection, a tenth of a start.
        logger.logLevel = max(logger.logLevel, .info)
        var application = Application(
            responder: Responder(sandbox: sandbox),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port)),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? configuration.port
                sandbox.setPort(port, host: configuration.host)
                configuration.onListening(port)
            }, logger: logger)
        application.addServices(Ticker(sandbox: sandbox), Deliveries(sandbox: sandbox))
        try await application.run()
    }

    /// Runs the sandbox as a process of its own, until SIGINT or SIGTERM.
    public func runUntilSignal() async throws {
        let group = ServiceGroup(
            services: [self], gracefulShutdownSignals: [.sigint, .sigterm],
            logger: configuration.logger)
        try await group.run()
    }

    /// Does everything that has fallen due by the clock's now, in the order of time, and returns
    /// when the webhooks of it have been sent once, or after 20 seconds.
    ///
    /// A webhook that failed waits for its retry and is not waited for here.
    public func advanceAndSettle() async throws { try await sandbox.settle() }
}

/// Does what falls due while nobody calls.
private struct Ticker: Service {
    private static let interval: Duration = .milliseconds(500)
    /// The same once nobody has called for a while: an idle process does next to nothing.
    private static let idleInterval: Duration = .seconds(5)
    private static let activeTime: Duration = .seconds(60)

    let sandbox: Sandbox

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    let isActive = sandbox.wasCalled(within: Self.activeTime)
                    try await Task.sleep(for: isActive ? Self.interval : Self.idleInterval)
                    try await sandbox.transaction(isCall: false) { try $0.finishAdvancing() }
                } catch is CancellationError {
                    return
                } catch {
                    sandbox.logger.error(
                        "work that fell due failed", metadata: ["error": "\(error)"])
                }
            }
        }
    }
}

/// Delivers webhooks.
private struct Deliveries: Service {
    let sandbox: Sandbox

    func run() async throws {
        await cancelWhenGracefulShutdown { await sandbox.deliverer.run() }
    }
}
