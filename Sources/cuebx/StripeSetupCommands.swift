import ArgumentParser
import JSON
import Service
import Settings
import Shell

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

                Examples:
                  cuebx stripe webhooks create --url http://127.0.0.1:8080/webhooks/stripe
                """)

        @OptionGroup var address: Address

        @OptionGroup var answer: AnswerOptions

        func run() async throws {
            let settings = try await Settings.load(needsWebhookSecret: false)
            let made = try await settings.webhookSetup(url: address.url).create()
            var lines = [
                "\(made.id) sends \(made.events) types of events of \(made.version) to \(made.url)",
                "STRIPE_WEBHOOK_SECRET=\(made.secret)",
            ]
            if !made.others.isEmpty {
                let others = made.others.joined(separator: ", ")
                lines.append(
                    "Put it before the old secret, separated by a comma; delete \(others) at "
                        + "Stripe when it is in use.")
            }
            answer.tell(
                Answer(
                    [
                        "id": .string(made.id), "url": .string(made.url),
                        "version": .string(made.version), "events": .int(Int64(made.events)),
                        "secret": .string(made.secret),
                        "others": .array(made.others.map { .string($0) }),
                    ], lines))
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check",
            abstract: "Compare the endpoint's version, events, address and status.",
            discussion: """
                Exits with 1 if something is off.

                Examples:
                  cuebx stripe webhooks check --url http://127.0.0.1:8080/webhooks/stripe
                """)

        @OptionGroup var address: Address

        @OptionGroup var answer: AnswerOptions

        func run() async throws {
            let settings = try await Settings.load(needsWebhookSecret: false)
            try answer.tell(try await settings.webhookSetup(url: address.url).check())
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
            discussion: """
                Cards, invoices, cancellation at the period's end.

                Examples:
                  cuebx stripe portal create
                """)

        @OptionGroup var answer: AnswerOptions

        func run() async throws {
            let settings = try await Settings.load(needsWebhookSecret: false)
            let sentence = try await settings.portalSetup().create(
                returnURL: settings.publicURL)
            answer.tell(Answer(["outcome": .string(sentence)], [sentence]))
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check",
            abstract: "Look whether the configuration is there and without plan changes.",
            discussion: """
                Exits with 1 if something is off.

                Examples:
                  cuebx stripe portal check
                """)

        @OptionGroup var answer: AnswerOptions

        func run() async throws {
            let settings = try await Settings.load(needsWebhookSecret: false)
            try answer.tell(try await settings.portalSetup().check())
        }
    }
}
