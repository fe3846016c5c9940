import ArgumentParser
import Foundation
import Logging
import Service
import ServiceLifecycle
import Settings
import StripeSandbox

/// A local Stripe of its own, for several service processes that share it.
struct SandboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sandbox", abstract: "Run a local Stripe for development. Loopback only.",
        discussion: """
            It shares the development clock of the service whose DATABASE_URL it is given, and \
            makes the prices of its catalog. The service finds it by STRIPE_API_BASE.

            Examples:
              cuebx sandbox --port 8081
            """)

    @Option(help: "Where to listen; loopback only.")
    var port = 8081

    @Option(help: "The file that keeps its state; beside the service's own if not given.")
    var database: String?

    @Option(help: "Where its webhooks go.")
    var webhookURL = "http://127.0.0.1:8080/webhooks/stripe"

    func run() async throws {
        var settings = try await Settings.load()
        guard settings.isDevelopment else {
            throw FriendlyError("the sandbox is for development only")
        }
        let reserved = port == 0 ? try ReservedPort() : nil
        defer { withExtendedLifetime(reserved) {} }
        let port = reserved?.number ?? port
        settings.stripeSecretKey = Settings.sandboxKey
        settings.stripeAPIBase = "http://127.0.0.1:\(port)"
        let core = try await CareerCore.open(settings, logger: makeLogger(settings))
        let application = try await CareerApplication(core)
        let clock = core.clock
        let sandbox = try StripeSandbox(
            configuration: SandboxConfiguration(
                port: port, databasePath: try database ?? SandboxService.path(settings.databaseURL),
                webhookEndpoints: [
                    .init(url: webhookURL, secret: settings.stripe.webhookSecrets.first ?? "")
                ],
                clock: { clock.now().seconds },
                refreshClock: { try await core.developmentClock?.refresh() },
                advanceClock: SandboxService.mover(of: core.developmentClock),
                logger: core.logger,
                onListening: { port in
                    Task {
                        await SandboxService.createPrices(application)
                        print("A local Stripe listens on http://127.0.0.1:\(port)")
                        fflush(nil)
                    }
                }))
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [core.refresher(pause: DevelopmentClock.freshTime), sandbox],
                gracefulShutdownSignals: [.sigint, .sigterm], logger: core.logger))
        try await group.run()
        try core.close()
    }
}

/// The sandbox inside `serve`: it shares the service's clock and has the catalog's prices.
struct SandboxService: Service {
    /// How often a sandbox that has just been started is asked.
    private static let attempts = 100

    private let sandbox: StripeSandbox
    /// Ends when the sandbox listens.
    private let untilListening: AsyncStream<Void>

    static func make(_ application: CareerApplication) throws -> SandboxService {
        let core = application.core
        let settings = core.settings
        let clock = core.clock
        let (untilListening, listening) = AsyncStream.makeStream(of: Void.self)
        let sandbox = try StripeSandbox(
            configuration: SandboxConfiguration(
                port: settings.sandboxPort, databasePath: try path(settings.databaseURL),
                webhookEndpoints: [
                    .init(
                        url: settings.listenURL + "/webhooks/stripe",
                        secret: settings.stripe.webhookSecrets.first ?? "")
                ],
                clock: { clock.now().seconds },
                refreshClock: { try await core.developmentClock?.refresh() },
                advanceClock: mover(of: core.developmentClock), logger: core.logger,
                onListening: { _ in listening.finish() }))
        return SandboxService(sandbox: sandbox, untilListening: untilListening)
    }

    /// Moves the service's clock in its database, past its HTTP: a request there to move the clock
    /// waits for the sandbox. What then falls due at the sandbox tells services by webhooks, so
    /// each process has to have noticed by then.
    static func mover(
        of clock: DevelopmentClock?
    ) -> (@Sendable (_ seconds: Int64) async throws -> Void)? {
        guard let clock else { return nil }
        return { seconds in
            guard try await clock.advance(seconds: seconds) else {
                throw FriendlyError("the clock would go beyond the years that it counts")
            }
            try await Task.sleep(for: DevelopmentClock.spreadTime)
        }
    }

    /// Beside the service's own file; in `var` for a server's database.
    static func path(_ databaseURL: String) throws -> String {
        guard databaseURL.hasPrefix("sqlite:") else {
            try FileManager.default.createDirectory(
                atPath: "var", withIntermediateDirectories: true)
            return "var/stripe-sandbox.db"
        }
        return String(databaseURL.dropFirst("sqlite:".count)) + ".stripe-sandbox"
    }

    func run() async throws {
        try await sandbox.run()
    }

    /// Waits until the sandbox listens or is told to stop: a call that came too early would be made
    /// again only half a second later.
    func waitUntilListening() async {
        let untilListening = untilListening
        await cancelWhenGracefulShutdown {
            for await _ in untilListening {}
        }
    }

    /// Asks until the sandbox answers; then what can be bought has a price there.
    static func createPrices(_ application: CareerApplication) async {
        for _ in 0..<attempts {
            do {
                _ = try await application.services.prices.bringCatalog()
                _ = try await application.services.apiPrices.bringCatalog()
                return
            } catch {
                application.core.logger.debug("the sandbox is not ready: \(error)")
            }
            do {
                try await Task.sleep(for: .milliseconds(50))
            } catch {
                return
            }
        }
    }
}
