import Billing
import Console
import Database
import Foundation
import HTTPEndpoint
import HTTPServer
import HummingbirdCore
import Identity
import IdentityPages
import LedgerStore
import Logging
import Messaging
import NIOCore
import NIOPosix
import PageFrame
import Pages
import RabbitMQ
import Renewals
import ServiceLifecycle
import Settings
import Stripe
import TopUps
import Values
import WorkspaceAccounts
import WorkspacePages

/// The one wiring of the service, for production and for tests.
public struct CareerApplication: Sendable {
    /// Connections that may be open at once; more wait in the kernel's queue.
    static let maximumConnections = 4096
    /// A connection on which nothing arrives for this long is closed.
    static let idleTimeout = TimeAmount.seconds(60)
    static let maximumHeaderBytes = 32 * 1024

    public let core: CareerCore
    public let endpoints: [Endpoint]
    private let responder: EndpointResponder
    public let services: CareerServices

    public init(_ core: CareerCore) async throws {
        self.core = core
        let services = try await CareerServices(core, requests: RequestLog(logger: core.logger))
        self.services = services
        let frame = try pageFrame(services, translate: problem(for:))
        let console = ConsoleSite(services, frame)
        let parts = try pageParts(services)
        endpoints =
            routes(services) + pageRoutes(frame, parts) + identityPageRoutes(frame, parts)
            + workspacePageRoutes(frame, try workspacePageParts(services, frame))
            + (console?.endpoints ?? [])
            + (core.settings.isDevelopment ? developmentRoutes(services) : [])
        responder = Self.responder(for: endpoints, core, services, frame, console)
    }

    /// Serves until a shutdown is asked for (SIGTERM, SIGINT, or the task's cancellation), then
    /// stops accepting, finishes what it has and closes the database.
    ///
    /// - Parameters:
    ///   - beside: further services to run as long as this one, e.g. the sandbox.
    ///   - runsWorker: whether messages are worked off in this process too.
    ///   - onRunning: is told the port, once requests are answered.
    public func serve(
        beside: [any Service] = [], runsWorker: Bool = true,
        onRunning: @escaping @Sendable (Int) async -> Void
    ) async throws {
        let loops = MultiThreadedEventLoopGroup(
            numberOfThreads: max(1, System.coreCount / 2))
        let servers = servers(responder, port: core.settings.port, on: loops, onRunning: onRunning)
        try await run(
            beside + sweepers + [core.refresher()] + services.identity.services + relays
                + (runsWorker ? [services.worker] : []) + servers)
        try await loops.shutdownGracefully()
    }

    /// Works messages off until a shutdown is asked for. Serves nothing, but what a monitor asks
    /// for where `WORKER_METRICS_PORT` is set.
    ///
    /// - Parameter onRunning: is given the port of the metrics, if they are served, once a signal
    ///   would be heard.
    public func work(onRunning: @escaping @Sendable (Int?) async -> Void) async throws {
        let working: [any Service] = [core.refresher()] + relays + [services.worker]
        guard let port = core.settings.workerMetricsPort else {
            return try await run(working + [Announcement { await onRunning(nil) }])
        }
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let responder = Self.responder(for: monitoringRoutes(services), core, services)
        try await run(working + servers(responder, port: port, on: loops, onRunning: onRunning))
        try await loops.shutdownGracefully()
    }
}

/// Says once that the services run.
private struct Announcement: Service {
    let onRunning: @Sendable () async -> Void

    func run() async throws {
        await onRunning()
        try await gracefulShutdown()
    }
}

extension CareerApplication {
    private static func responder(
        for endpoints: [Endpoint], _ core: CareerCore, _ services: CareerServices,
        _ frame: SitePageFrame? = nil, _ console: ConsoleSite? = nil
    ) -> EndpointResponder {
        var page: EndpointResponder.ErrorPage?
        if let frame {
            page = { error in
                let owner = console.flatMap { ConsoleParts.owns(error.path) ? $0.frame : nil }
                return try await errorPage(error, in: owner ?? frame)
            }
        }
        return EndpointResponder(
            endpoints: endpoints, calls: services.calls,
            policy: HTTPPolicy(
                corsOrigins: Set(core.settings.corsOrigins),
                trustedProxies: core.settings.trustedProxies,
                answersLoopbackOnly: core.settings.isDevelopment),
            logger: core.logger, errorPage: page,
            before: core.developmentClock == nil ? nil : core.freshenClock)
    }

    /// The server, and what prepares its shutdown.
    private func servers(
        _ responder: EndpointResponder, port: Int, on loops: MultiThreadedEventLoopGroup,
        onRunning: @escaping @Sendable (Int) async -> Void
    ) -> [any Service] {
        let drain = ListenerDrain()
        let server = EndpointServer(
            responder, idleTimeout: Self.idleTimeout, maximumHeaderBytes: Self.maximumHeaderBytes
        ).server(
            configuration: ServerConfiguration(
                address: .hostname(core.settings.host, port: port), backlog: 1024,
                availableConnectionsDelegate: MaximumAvailableConnections(
                    Self.maximumConnections)),
            onServerRunning: { channel in
                drain.listening(on: channel)
                await onRunning(channel.localAddress?.port ?? port)
            }, eventLoopGroup: loops, logger: core.logger)
        return [server, drain]
    }

    /// Runs the services until a shutdown is asked for, and closes the database. They are shut
    /// down from the last to the first: a server finishes its requests before what they need stops.
    private func run(_ services: [any Service]) async throws {
        var logger = core.logger
        // Below that each service is spelled out by reflection, which takes a tenth of a start.
        logger.logLevel = max(logger.logLevel, .info)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services, gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger))
        do {
            try await group.run()
        } catch {
            try core.close()
            throw error
        }
        try core.close()
    }

    private var sweepers: [any Service] {
        let plans = MissingPlans(parts: services.workspaceAccounts)
        return [
            PeriodicService(
                name: "expiry sweep", pause: ExpirySweeper.pause, logger: core.logger
            ) { [services] in try await services.sweeper.sweep() },
            PeriodicService(
                name: "expiry sweep of workspaces", pause: ExpirySweeper.pause, logger: core.logger
            ) { [services] in try await services.sweepWorkspaces() },
            PeriodicService(
                name: "writing when keys were used", pause: ExpirySweeper.pause,
                endsWithWork: true, logger: core.logger
            ) { [services] in try await services.writeKeyUses() },
            PeriodicService(
                name: "writing who was refused", pause: ExpirySweeper.pause,
                endsWithWork: true, logger: core.logger
            ) { [services] in try await services.refusals.write(to: services.core.database) },
            PeriodicService(
                name: "automatic top-ups", pause: TopUpService.pause, logger: core.logger
            ) { [services] in try await services.topUps.sweep() },
            PeriodicService(
                name: "identity sweep", pause: IdentitySweeper.pause, logger: core.logger
            ) { [services] in try await services.identitySweeper.sweep() },
            PeriodicService(
                name: "notices of keys", pause: IdentitySweeper.pause, logger: core.logger
            ) { [services] in try await services.tellKeysEnds() },
            PeriodicService(
                name: "Free plans that are missing", pause: IdentitySweeper.pause,
                logger: core.logger
            ) { try await plans.give() },
            PeriodicService(
                name: "renewals", pause: RenewalNotices.pause, logger: core.logger
            ) { [services] in try await services.renewals.sweep() },
        ]
    }

    private var relays: [any Service] { services.relay.map { [$0] } ?? [] }

    /// Makes sure that the broker is there and takes us, before anything is touched.
    public static func checkBroker(_ settings: Settings) async throws {
        guard let url = try settings.rabbitMQ() else { return }
        do {
            try await RabbitMQBroker.checkServer(url)
        } catch {
            throw SettingsError("BROKER_URL", "\(error)")
        }
    }

    /// The OpenAPI document of the product's addresses, as it lies in the repository.
    public static func openAPIText(_ settings: Settings, logger: Logger) async throws -> String {
        let core = CareerCore.withoutDatabase(settings, logger: logger)
        let services = try await CareerServices(core, requests: RequestLog(logger: logger))
        return openAPIDocument(of: routes(services)).json.prettyText
    }
}

/// What an error of the layers below means to a client. Whatever is not listed is a defect.
func problem(for error: any Error) -> Problem? {
    if let error = error as? StripeError { return Problem(error) }
    if error is LedgerOverloaded { return .overloaded }
    if error is StripeCatalogGap { return .paymentProviderError.retry(afterSeconds: 30) }
    if error is RabbitMQError { return .brokerUnavailable }
    guard let error = error as? DatabaseError else { return nil }
    if case .unavailable = error { return .databaseUnavailable }
    return nil
}
