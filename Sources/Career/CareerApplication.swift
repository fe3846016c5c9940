import CareerDomain
import Database
import Foundation
import HTTPEndpoint
import HummingbirdCore
import Logging
import Messaging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Stripe

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
        let settings = core.settings
        let requests = RequestLog(logger: core.logger)
        let services = try await CareerServices(core, requests: requests)
        self.services = services
        endpoints = routes(services) + (settings.isDevelopment ? developmentRoutes(services) : [])
        responder = EndpointResponder(
            endpoints: endpoints, gatekeeper: services.gatekeeper,
            policy: HTTPPolicy(
                corsOrigins: Set(settings.corsOrigins),
                trustedProxies: Set(settings.trustedProxies)),
            observer: requests, logger: core.logger, translate: problem(for:))
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
        let settings = core.settings
        let loops = MultiThreadedEventLoopGroup(
            numberOfThreads: max(1, System.coreCount / 2))
        let server = EndpointServer(
            responder, idleTimeout: Self.idleTimeout, maximumHeaderBytes: Self.maximumHeaderBytes
        ).server(
            configuration: ServerConfiguration(
                address: .hostname(settings.host, port: settings.port), backlog: 1024,
                availableConnectionsDelegate: MaximumAvailableConnections(
                    Self.maximumConnections)),
            onServerRunning: { channel in
                await onRunning(channel.localAddress?.port ?? settings.port)
            }, eventLoopGroup: loops, logger: core.logger)
        // Shut down from the last to the first: the server finishes its requests before what they
        // need stops.
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: beside
                    + [services.sweeper, services.identitySweeper, ClockKeeper(core)]
                    + services.identity.services + relays
                    + (runsWorker ? [services.worker] : []) + [server],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: core.logger))
        do {
            try await group.run()
        } catch {
            try core.close()
            throw error
        }
        try core.close()
        try await loops.shutdownGracefully()
    }
}

extension CareerApplication {
    /// Works messages off without serving, until a shutdown is asked for.
    public func work() async throws {
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [ClockKeeper(core)] + relays + [services.worker],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: core.logger))
        try await group.run()
        try core.close()
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
        var settings = settings
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        defer { removeFolder(folder, logger) }
        settings.databaseURL = "sqlite:\(folder.path)/openapi.db"
        let core = try await CareerCore.open(settings, logger: logger)
        let services = try await CareerServices(core, requests: RequestLog(logger: logger))
        let text = openAPIDocument(of: routes(services)).json.prettyText
        try core.close()
        return text
    }

    private static func removeFolder(_ folder: URL, _ logger: Logger) {
        do {
            try FileManager.default.removeItem(at: folder)
        } catch {
            logger.warning("a temporary folder stays: \(folder.path)")
        }
    }
}

/// What an error of the layers below means to a client. Whatever is not listed is a defect.
private func problem(for error: any Error) -> Problem? {
    if let error = error as? StripeError { return Problem(error) }
    if error is StripeCatalogGap { return .paymentProviderError.retry(afterSeconds: 30) }
    if error is RabbitMQError { return .brokerUnavailable }
    guard let error = error as? DatabaseError else { return nil }
    if case .unavailable = error { return .databaseUnavailable }
    return nil
}

/// Takes over what other processes change: the development clock's offset and the catalog.
public struct ClockKeeper: Service {
    static let catalogInterval = Duration.seconds(1)

    private let core: CareerCore

    public init(_ core: CareerCore) {
        self.core = core
    }

    public func run() async throws {
        let pause =
            core.developmentClock == nil ? Self.catalogInterval : DevelopmentClock.refreshInterval
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await core.developmentClock?.refresh()
                    _ = try await core.catalog.current(in: core.database)
                } catch {
                    core.logger.warning("clock or catalog not refreshed: \(error)")
                }
                do {
                    try await Task.sleep(for: pause)
                } catch {
                    // A shutdown was asked for.
                    return
                }
            }
        }
    }
}
