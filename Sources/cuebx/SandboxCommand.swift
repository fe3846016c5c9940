import ArgumentParser
import Career
import Foundation
import Logging
import ServiceLifecycle
import StripeSandbox

/// A local Stripe of its own, for several service processes that share it.
struct SandboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sandbox", abstract: "Run a local Stripe for development. Loopback only.")

    @Option(help: "Where to listen; loopback only.")
    var port = 8081

    @Option(help: "The file that keeps its state.")
    var database = "var/stripe-sandbox.db"

    @Option(help: "Where its webhooks go.")
    var webhookURL = "http://127.0.0.1:8080/webhooks/stripe"

    func run() async throws {
        let settings = try await Settings.load()
        guard settings.isDevelopment else {
            throw FriendlyError("the sandbox is for development only")
        }
        let secret =
            settings.stripeWebhookSecrets.first ?? Settings.developmentWebhookSecret
        let sandbox = try StripeSandbox(
            configuration: SandboxConfiguration(
                port: port, databasePath: database,
                webhookEndpoints: [.init(url: webhookURL, secret: secret)],
                logger: makeLogger(settings),
                onListening: { port in
                    print("A local Stripe listens on http://127.0.0.1:\(port)")
                    fflush(nil)
                }))
        try await sandbox.runUntilSignal()
    }
}

/// The sandbox inside `serve`: it shares the service's clock and has the catalog's prices.
struct SandboxService: Service {
    /// How often a sandbox that has just been started is asked.
    private static let attempts = 100

    private let sandbox: StripeSandbox

    static func make(_ application: CareerApplication) throws -> SandboxService {
        let core = application.core
        let settings = core.settings
        let clock = core.clock
        let sandbox = try StripeSandbox(
            configuration: SandboxConfiguration(
                port: settings.sandboxPort, databasePath: try path(settings.databaseURL),
                webhookEndpoints: [
                    .init(
                        url: "http://\(settings.host):\(settings.port)/webhooks/stripe",
                        secret: settings.stripe.webhookSecrets.first ?? "")
                ],
                clock: { clock.now().seconds }, logger: core.logger))
        return SandboxService(sandbox: sandbox)
    }

    /// Beside the service's own file; in `var` for a server's database.
    private static func path(_ databaseURL: String) throws -> String {
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

    /// Asks until the sandbox answers; then what can be bought has a price there.
    static func createPrices(_ application: CareerApplication) async {
        for _ in 0..<attempts {
            do {
                _ = try await application.services.prices.createMissing()
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
