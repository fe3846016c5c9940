import ArgumentParser
import Billing
import CatalogSync
import Foundation
import JSON
import Ledger
import Service
import Settings
import Shell

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve until SIGTERM.",
        discussion: """
            Examples:
              cuebx serve
              cuebx serve --no-worker
            """)

    @Flag(inversion: .prefixedNo, help: "Work messages off in this process too.")
    var worker = true

    func run() async throws {
        var settings = try await Settings.load()
        // A port has to be known before the sandbox is told where its webhooks go.
        let reserved = settings.port == 0 ? [try ReservedPort(), try ReservedPort()] : []
        defer { withExtendedLifetime(reserved) {} }
        if !reserved.isEmpty {
            let isPublicByDefault = settings.publicURL == settings.listenURL
            settings.port = reserved[0].number
            settings.sandboxPort = reserved[1].number
            if isPublicByDefault { settings.publicURL = settings.listenURL }
        }
        try await CareerApplication.checkBroker(settings)
        let core = try await CareerCore.open(
            settings, logger: makeLogger(settings), serves: true)
        if !settings.isDevelopment && settings.smtpURL == nil {
            core.logger.warning("SMTP_URL is not set: mails are kept in the database, not sent")
        }
        if let flaw = settings.jwtSecretFlaw {
            core.logger.warning("JWT_SECRET \(flaw): production would refuse it")
        }
        let application = try await CareerApplication(core)
        let sandbox = settings.usesSandbox ? try SandboxService.make(application) : nil
        let greeting = Self.greeting(settings)
        do {
            try await application.serve(
                beside: sandbox.map { [$0] } ?? [], runsWorker: worker
            ) { _ in
                if let sandbox {
                    await sandbox.waitUntilListening()
                    await SandboxService.createPrices(application)
                }
                print(greeting)
                fflush(nil)
            }
        } catch  where isAboutListening(error) {
            throw FriendlyError(
                "HOST, PORT: cannot listen on \(settings.listenAddress): \(error)")
        }
    }

    private static func greeting(_ settings: Settings) -> String {
        let url = settings.listenURL
        guard settings.isDevelopment else { return "CueBX Career serves on \(url)" }
        var lines = [
            "CueBX Career serves on \(url)",
            "  API           \(url)/docs",
            "  mailbox       \(url)/dev/mail",
        ]
        if settings.usesSandbox {
            lines.append(
                "  payments      a local Stripe on http://127.0.0.1:\(settings.sandboxPort)")
        }
        let port = settings.port == Settings().port ? "" : "PORT=\(settings.port) "
        lines += [
            "  take a tour   \(port)make tour      (in another terminal)",
            "  stop          Ctrl-C",
        ]
        return lines.joined(separator: "\n")
    }
}

struct Worker: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Work messages off, without serving, until SIGTERM.",
        discussion: """
            Examples:
              cuebx worker
            """)

    func run() async throws {
        let settings = try await Settings.load()
        try await CareerApplication.checkBroker(settings)
        let core = try await CareerCore.open(settings, logger: makeLogger(settings))
        let application = try await CareerApplication(core)
        do {
            try await application.work { port in
                Self.greet(
                    port.map { ", metrics on http://\(settings.address(port: $0))/metrics" } ?? "")
            }
        } catch  where isAboutListening(error) {
            throw FriendlyError(
                "WORKER_METRICS_PORT: cannot listen on "
                    + "\(settings.address(port: settings.workerMetricsPort ?? 0)): \(error)")
        }
    }

    private static func greet(_ more: String) {
        print("CueBX Career works messages off" + more)
        fflush(nil)
    }
}

struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Bring the database's schema up to date.",
        discussion: """
            Examples:
              cuebx migrate
            """)

    @OptionGroup var answer: AnswerOptions

    func run() async throws {
        let settings = try await Settings.load()
        let database = try await CareerCore.openDatabase(settings)
        try database.close()
        answer.tell(Answer(["is_up_to_date": true], ["The schema is up to date."]))
    }
}

struct OpenAPICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "openapi", abstract: "Print the OpenAPI document, which is JSON.",
        discussion: """
            Examples:
              cuebx openapi
            """)

    func run() async throws {
        let settings = try await Settings.load()
        print(
            try await CareerApplication.openAPIText(settings, logger: makeLogger(settings)))
    }
}

struct CatalogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "catalog", abstract: "Plans and prices.", subcommands: [Sync.self])

    struct Sync: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "sync",
            abstract: "Make the database's catalog equal to the file's. No balance changes.",
            discussion: """
                Examples:
                  cuebx catalog sync --dry-run
                  cuebx catalog sync --stripe
                """)

        @Flag(help: "Only tell what would change.")
        var dryRun = false

        @Flag(help: "Also make the products and prices that Stripe lacks.")
        var stripe = false

        @Flag(help: "Take the file though it is older than what was published in the console.")
        var force = false

        @OptionGroup var answer: AnswerOptions

        func run() async throws {
            let settings = try await Settings.load()
            let core = try await CareerCore.open(
                settings, logger: makeLogger(settings), needsCatalog: false)
            defer { core.closeLedgers() }
            do {
                let file = try CatalogFile.load(path: settings.catalogPath)
                let wanted = file.catalogs
                let sync = CatalogSync(database: core.database, clock: core.clock)
                let changes = try await sync.sync(
                    file, dryRun: dryRun, force: force, origin: .command)
                for plan in wanted.flatMap(\.plans) where plan.isActive && !plan.namesItsPrice {
                    core.logger.warning(
                        "display_price does not name the price",
                        metadata: [
                            "plan": "\(plan.name)", "display_price": "\(plan.displayPrice)",
                            "price": "\(plan.price.named)",
                        ])
                }
                guard stripe && !dryRun else { return tell(changes, made: nil) }
                let reports: [StripePrices.Report]
                do {
                    let services = try await CareerServices(core)
                    reports = [
                        try await services.prices.bringCatalog(),
                        try await services.apiPrices.bringCatalog(),
                    ]
                } catch {
                    // What was applied stays applied, and is told.
                    tell(changes, made: nil)
                    throw error
                }
                tell(changes, made: reports.flatMap(\.made))
                let flaws = reports.flatMap(\.flaws)
                guard flaws.isEmpty else { throw FriendlyError(flaws.joined(separator: "; ")) }
            } catch let error as CatalogError {
                throw FriendlyError(error.description)
            }
        }

        /// - Parameter made: at Stripe; `nil` if nobody was asked there.
        private func tell(_ changes: [String], made: [String]?) {
            let verb = dryRun ? "would be applied" : "applied"
            let sum = changes.isEmpty ? "Nothing differs." : "\(changes.count) changes \(verb)."
            answer.tell(
                Answer(
                    [
                        "changes": .array(changes.map { .string($0) }),
                        "is_applied": .bool(!dryRun),
                        "stripe": made.map { .array($0.map { .string($0) }) } ?? .null,
                    ], changes + [sum] + (made ?? [])))
        }
    }
}

/// Whether a server found no place to listen at: a port that is taken, a host that is nobody's.
private func isAboutListening(_ error: any Error) -> Bool {
    ["bind", "SocketAddressError"].contains { "\(error)".contains($0) }
}
