import ArgumentParser
import Service

/// The endpoint by which Stripe's events reach the service.
struct WebhooksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhooks", abstract: "The endpoint at Stripe that its events come from.",
        subcommands: [Create.self, Check.self])

    struct Address: ParsableArguments {
        @Option(help: "Its address; PUBLIC_URL and /webhooks/stripe if not given.")
        var url: String?
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Make the endpoint, and print its secret once.",
            discussion: """
                STRIPE_WEBHOOK_SECRET need not be set yet. The endpoint has the API release, the \
                events and the address that this version needs.
                """)

        @OptionGroup var address: Address

        func run() async throws {
            let settings = try await Settings.load(needsWebhookSecret: false)
            let made = try await settings.webhookSetup(url: address.url).create()
            print(
                "\(made.id) sends \(made.events) types of events of \(made.version) to \(made.url)")
            print("STRIPE_WEBHOOK_SECRET=\(made.secret)")
            guard !made.others.isEmpty else { return }
            let others = made.others.joined(separator: ", ")
            print(
                "Put it before the old secret, separated by a comma; delete \(others) at Stripe "
                    + "when it is in use.")
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check",
            abstract: "Compare the endpoint's version, events, address and status.",
            discussion: "Exits with 1 if something is off.")

        @OptionGroup var address: Address

        func run() async throws {
            let settings = try await Settings.load(needsWebhookSecret: false)
            try tell(try await settings.webhookSetup(url: address.url).check())
        }
    }
}

/// What customers may do on Stripe's own pages.
struct PortalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "portal", abstract: "The customer portal at Stripe.",
        subcommands: [Create.self, Check.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create",
            abstract: "Make the configuration without plan changes, or set it right.",
            discussion: "Cards, invoices, cancellation at the period's end.")

        func run() async throws {
            let settings = try await Settings.load(needsWebhookSecret: false)
            print(try await settings.portalSetup().create(returnURL: settings.publicURL))
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check",
            abstract: "Look whether the configuration is there and without plan changes.",
            discussion: "Exits with 1 if something is off.")

        func run() async throws {
            let settings = try await Settings.load(needsWebhookSecret: false)
            try tell(try await settings.portalSetup().check())
        }
    }
}
