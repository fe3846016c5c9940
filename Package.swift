// swift-tools-version:6.2
import PackageDescription

// Every target speaks Swift 6 with explicit existentials. The release configuration is the only
// one that the Makefile builds, so that running, testing and measuring share one set of objects.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny")
]

// The service is one file: Swift's own libraries are linked into it, which also makes its start
// shorter. What Foundation's archives need of each other is named here, since only modules compiled
// for this would name it; lld takes archives in any order.
let standalone: [LinkerSetting] = [
    .unsafeFlags([
        "-static-stdlib", "-use-ld=lld", "-lCoreFoundation", "-l_FoundationICU",
        "-l_FoundationCShims", "-l_FoundationCollections",
        // Every symbol is bound before the first instruction; the tables are read-only from then on.
        "-Xlinker", "-z", "-Xlinker", "relro", "-Xlinker", "-z", "-Xlinker", "now",
    ])
]

extension Target {
    /// A library target. Each has a README.md, which is no source. The optimizer sees what it needs of
    /// the targets below, as if all were one module (docs/decisions/0018-targets.md).
    static func sourceTarget(name: String, dependencies: [Dependency] = []) -> Target {
        .target(
            name: name, dependencies: dependencies, exclude: ["README.md"],
            swiftSettings: settings + [.unsafeFlags(["-cross-module-optimization"])])
    }
}

let package = Package(
    name: "cuebx-career",
    products: [
        .executable(name: "cuebx", targets: ["cuebx"])
    ],
    dependencies: [
        .package(
            url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1",
            traits: ["FullFoundation"]),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", exact: "2.1.1"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", exact: "1.4.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: [
        // What has no owner: instants, ids, credits, money, texts of bytes.
        .sourceTarget(name: "Values"),
        .testTarget(
            name: "ValuesTests", dependencies: ["Values"],
            swiftSettings: settings),
        // The rules: no I/O, no clock, no randomness.
        .sourceTarget(name: "Ledger", dependencies: ["Values"]),
        // Strict JSON: one parser and one writer for everything that crosses the wire.
        .sourceTarget(name: "JSON"),
        // What a command prints: tables, JSON, progress.
        .sourceTarget(name: "Shell", dependencies: ["JSON", "Values"]),
        .testTarget(
            name: "ShellTests", dependencies: ["JSON", "Shell", "Values"], swiftSettings: settings),
        // libpq, PostgreSQL's own client.
        .systemLibrary(name: "CPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .sourceTarget(
            name: "Database",
            dependencies: [
                "CPQ", "Values",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        // An address of an API: what it reads, what it answers, and the document of all.
        .sourceTarget(
            name: "HTTPEndpoint",
            dependencies: [
                "JSON", "Values",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        // The server of endpoints: connections, their bounds and paces, shutdown.
        .sourceTarget(
            name: "HTTPServer",
            dependencies: [
                "HTTPEndpoint", "JSON",
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOExtras", package: "swift-nio-extras"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        // libcurl, for the calls that the service makes to others (Stripe, SMTP, JWKS).
        .systemLibrary(
            name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .sourceTarget(name: "HTTPClient", dependencies: ["CCurl"]),
        .testTarget(
            name: "HTTPClientTests", dependencies: ["HTTPClient"], swiftSettings: settings),
        .testTarget(
            name: "StripeTests", dependencies: ["HTTPClient", "JSON", "Stripe"],
            swiftSettings: settings),
        .testTarget(
            name: "LedgerTests", dependencies: ["Ledger", "Values"], swiftSettings: settings),
        .testTarget(name: "JSONTests", dependencies: ["JSON"], swiftSettings: settings),
        .testTarget(
            name: "DatabaseTests",
            dependencies: ["Database", "Values", .product(name: "Logging", package: "swift-log")],
            swiftSettings: settings),
        .testTarget(
            name: "HTTPEndpointTests", dependencies: ["HTTPEndpoint", "JSON"],
            swiftSettings: settings),
        .testTarget(
            name: "HTTPServerTests",
            dependencies: [
                "HTTPEndpoint", "HTTPServer",
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings),
        // Every parser of ours on mutated input. `make fuzz` runs the same targets under libFuzzer.
        .testTarget(
            name: "FuzzTests",
            dependencies: [
                "Career", "HTTPEndpoint", "JSON", "Ledger", "Stripe", "Tokens", "Users", "Values",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: settings),
        // rabbitmq-c, for the RabbitMQ broker.
        .systemLibrary(
            name: "CRabbitMQ", pkgConfig: "librabbitmq", providers: [.apt(["librabbitmq-dev"])]),
        // Messages between parts of the service, durable and tried until handled.
        .sourceTarget(
            name: "Messaging",
            dependencies: [
                "Database", "Values",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        // The broker that is a server.
        .sourceTarget(
            name: "RabbitMQ",
            dependencies: [
                "CRabbitMQ", "Database", "Messaging", "Values",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .testTarget(
            name: "MessagingTests",
            dependencies: [
                "Messaging", "Database", "RabbitMQ", "Values",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        // The calls to Stripe: a client, the webhooks' signature, the wire's types.
        .sourceTarget(
            name: "Stripe",
            dependencies: [
                "JSON", "HTTPClient",
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        // A local Stripe for development and tests. The service never imports it; the binary
        // starts it.
        .sourceTarget(
            name: "StripeSandbox",
            dependencies: [
                "JSON", "HTTPClient",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .testTarget(
            name: "StripeSandboxTests",
            dependencies: [
                "StripeSandbox",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "stripe-sandbox", dependencies: ["StripeSandbox"], swiftSettings: settings),
        // Counters and histograms, as Prometheus reads them.
        .sourceTarget(
            name: "Telemetry",
            dependencies: [
                "Values"
            ]),
        .testTarget(
            name: "TelemetryTests", dependencies: ["Telemetry", "Values"],
            swiftSettings: settings),
        // The ledger in a database: group commit, the tables of the ledger, their audit.
        .sourceTarget(
            name: "LedgerStore",
            dependencies: [
                "Database", "JSON", "Ledger", "Telemetry", "Values",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),
        .testTarget(
            name: "LedgerStoreTests",
            dependencies: [
                "Database", "Ledger", "LedgerStore", "Telemetry", "TestFixtures", "Values",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        // The catalog as a file, and how it gets into the database.
        .sourceTarget(
            name: "CatalogSync",
            dependencies: ["Database", "JSON", "Ledger", "LedgerStore", "Values"]),
        .testTarget(
            name: "CatalogSyncTests",
            dependencies: [
                "CatalogSync", "Database", "JSON", "Ledger", "LedgerStore", "TestFixtures",
                "Values",
            ],
            swiftSettings: settings),
        // The table of users, what an address is, and the keys of hashes.
        .sourceTarget(
            name: "Users",
            dependencies: [
                "Database", "HTTPEndpoint", "Ledger", "Values",
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        .testTarget(
            name: "UsersTests",
            dependencies: ["Database", "Ledger", "TestFixtures", "Users", "Values"],
            swiftSettings: settings),
        // Passwords, access tokens and the keys of an identity provider.
        .sourceTarget(
            name: "Tokens",
            dependencies: [
                "Database", "HTTPClient", "HTTPEndpoint", "JSON", "Users", "Values",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .testTarget(
            name: "TokensTests",
            dependencies: [
                "Database", "JSON", "Tokens", "Values",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
            ],
            swiftSettings: settings),
        // Mails: their words, the outbox, their delivery.
        .sourceTarget(
            name: "Mail",
            dependencies: [
                "Database", "HTTPClient", "JSON", "Ledger", "Messaging", "Users", "Values",
                .product(name: "Mustache", package: "swift-mustache"),
            ]),
        .testTarget(
            name: "MailTests",
            dependencies: [
                "Database", "Mail", "TestFixtures", "Users", "Values",
            ],
            swiftSettings: settings),
        // What Stripe says of subscriptions, and what follows: the mirror.
        .sourceTarget(
            name: "Billing",
            dependencies: [
                "Database", "HTTPEndpoint", "JSON", "Ledger", "LedgerStore", "Mail", "Messaging",
                "Stripe", "Users", "Values",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "BillingTests",
            dependencies: [
                "Billing", "Database", "JSON", "Ledger", "LedgerStore", "Mail", "Reconciliation",
                "Renewals", "Stripe", "TestFixtures", "Users", "Values",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        // Credits that users buy once: purchases of packs, and their payments.
        .sourceTarget(
            name: "Packs",
            dependencies: [
                "Billing", "Database", "HTTPEndpoint", "Ledger", "LedgerStore", "Mail", "Stripe",
                "Values",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "PacksTests",
            dependencies: ["Billing", "JSON", "Packs", "Stripe", "Values"],
            swiftSettings: settings),
        // Tells who pays by the year what is charged next.
        .sourceTarget(
            name: "Renewals",
            dependencies: [
                "Billing", "Database", "Ledger", "LedgerStore", "Mail", "Stripe", "Users", "Values",
                .product(name: "Logging", package: "swift-log"),
            ]),
        // Finds where Stripe and this database differ, and mends it.
        .sourceTarget(
            name: "Reconciliation",
            dependencies: [
                "Billing", "Database", "Ledger", "LedgerStore", "Packs", "Stripe", "TopUps",
                "Users",
                "Values",
            ]),
        // What a user does with their subscription: buy, upgrade, cancel, resume.
        .sourceTarget(
            name: "Subscriptions",
            dependencies: [
                "Billing", "Database", "HTTPEndpoint", "JSON", "Ledger", "LedgerStore", "Messaging",
                "Packs", "Stripe", "Users", "Values",
            ]),
        // Packs that are bought by themselves when credits run low.
        .sourceTarget(
            name: "TopUps",
            dependencies: [
                "Billing", "Database", "HTTPEndpoint", "Ledger", "LedgerStore", "Mail", "Packs",
                "Stripe",
                "Subscriptions", "Users", "Values",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "TopUpsTests", dependencies: ["Ledger", "TopUps", "Values"],
            swiftSettings: settings),
        // Codes that users redeem for credits.
        .sourceTarget(
            name: "Promotions",
            dependencies: [
                "Database", "HTTPEndpoint", "Ledger", "LedgerStore", "Users", "Values",
            ]),
        .testTarget(
            name: "PromotionsTests", dependencies: ["Promotions", "Values"],
            swiftSettings: settings),
        // Stripe's events: their receipt, and what is done for each.
        .sourceTarget(
            name: "Webhooks",
            dependencies: [
                "Billing", "Database", "HTTPEndpoint", "JSON", "LedgerStore", "Messaging",
                "Packs", "Stripe", "Subscriptions", "Telemetry", "TopUps", "Values",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "WebhooksTests",
            dependencies: [
                "JSON", "Messaging", "Stripe", "Webhooks",
            ],
            swiftSettings: settings),
        // What an operator sets up at Stripe: prices, the webhook endpoint, the portal.
        .sourceTarget(
            name: "StripeSetup", dependencies: ["Billing", "Ledger", "Stripe", "Webhooks"]),
        .testTarget(
            name: "StripeSetupTests",
            dependencies: [
                "Billing", "Database", "JSON", "Ledger", "LedgerStore", "Stripe", "StripeSetup",
                "TestFixtures", "Webhooks",
            ],
            swiftSettings: settings),
        // Sign-up, sign-in, sessions, and who a caller is.
        .sourceTarget(
            name: "Identity",
            dependencies: [
                "Billing", "BillingEmails", "Database", "HTTPEndpoint", "JSON", "Ledger",
                "LedgerStore", "Mail", "Messaging", "Tokens", "Users", "Values",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .testTarget(
            name: "IdentityTests",
            dependencies: [
                "Database", "HTTPEndpoint", "Identity", "JSON", "TestFixtures", "Users", "Values",
            ],
            swiftSettings: settings),
        // Results of calls that are kept for their users.
        .sourceTarget(
            name: "History", dependencies: ["Database", "HTTPEndpoint", "JSON", "Values"]),
        // Many calls of tool servers in one request, whatever the calls are.
        .sourceTarget(
            name: "UsageBatch",
            dependencies: [
                "HTTPEndpoint", "JSON",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]),
        // What products that meter calls share.
        .sourceTarget(
            name: "Metering",
            dependencies: [
                "HTTPEndpoint", "Ledger", "Values",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]),
        // The product: plans, subscriptions and usage over HTTP.
        .sourceTarget(
            name: "Career",
            dependencies: [
                "Billing", "Database", "HTTPEndpoint", "History", "JSON", "Ledger", "LedgerStore",
                "Mail",
                "Messaging", "Metering", "Promotions", "Subscriptions", "TopUps", "UsageBatch",
                "UsageReports", "Values",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]),
        .testTarget(
            name: "CareerTests",
            dependencies: [
                "Career", "HTTPEndpoint", "JSON", "Ledger", "TestFixtures", "UsageBatch", "Values",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: settings),
        // The second product: plans and usage of workspaces, by key, over HTTP.
        .sourceTarget(
            name: "API",
            dependencies: [
                "Billing", "Database", "HTTPEndpoint", "Ledger", "LedgerStore", "Metering",
                "Subscriptions", "UsageBatch", "Values",
            ]),
        // What is around every page; templates, words and style become part of the binary.
        .target(
            name: "PageFrame",
            dependencies: [
                "HTTPEndpoint", "Identity", "JSON", "Values",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Mustache", package: "swift-mustache"),
            ],
            exclude: ["README.md"],
            resources: [.embedInCode("Resources")], swiftSettings: settings),
        .testTarget(
            name: "PageFrameTests", dependencies: ["HTTPEndpoint", "JSON", "PageFrame", "Values"],
            swiftSettings: settings),
        // The pages for people.
        .sourceTarget(
            name: "Pages",
            dependencies: [
                "Billing", "Career", "HTTPEndpoint", "History", "Identity", "JSON", "Ledger",
                "LedgerStore", "Metering",
                "PageFrame", "Promotions", "Subscriptions", "TopUps", "UsageReports", "Values",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]),
        .testTarget(
            name: "PagesTests",
            dependencies: [
                "IdentityPages", "Ledger", "PageFrame", "Pages", "TestFixtures", "Values",
            ],
            swiftSettings: settings),
        // The pages of who a visitor is: signing up and in, the profile, devices, data.
        .sourceTarget(
            name: "IdentityPages",
            dependencies: [
                "HTTPEndpoint", "Identity", "JSON", "PageFrame", "Pages", "Users", "Values",
            ]),
        // The pages of workspaces.
        .sourceTarget(
            name: "WorkspacePages",
            dependencies: [
                "APIKeys", "Billing", "Database", "HTTPEndpoint", "Invitations", "JSON", "Ledger",
                "LedgerStore", "PageFrame", "Pages", "Subscriptions", "UsageReports", "Values",
                "WorkspaceAccounts", "WorkspaceAuditLog", "WorkspaceBilling", "WorkspaceKeys",
                "WorkspaceMembers", "WorkspaceSeats",
                "Workspaces",
            ]),
        // Who runs the service: their list, their sign-in, their journal.
        .sourceTarget(
            name: "Operators",
            dependencies: [
                "Database", "HTTPEndpoint", "Identity", "Tokens", "Users", "Values",
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        .testTarget(
            name: "OperatorsTests",
            dependencies: [
                "Database", "HTTPEndpoint", "Identity", "JSON", "Operators", "TestFixtures",
                "Tokens", "Users", "Values",
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: settings),
        // Payments that an operator gives back at Stripe.
        .sourceTarget(
            name: "Refunds",
            dependencies: [
                "Billing", "Database", "HTTPEndpoint", "LedgerStore", "Packs", "Stripe", "Values",
                .product(name: "Logging", package: "swift-log"),
            ]),
        // Keys of the API product as rows, below the ledger.
        .sourceTarget(name: "APIKeys", dependencies: ["Database", "Values"]),
        // Where the bills of a workspace go, as rows.
        .sourceTarget(name: "BillingEmails", dependencies: ["Database", "Users", "Values"]),
        // Who did what in a workspace, as rows.
        .sourceTarget(name: "WorkspaceAuditLog", dependencies: ["Database", "JSON", "Values"]),
        // What customers of any product are told of what they have spent.
        .sourceTarget(
            name: "UsageReports",
            dependencies: ["Database", "HTTPEndpoint", "Ledger", "LedgerStore", "Values"]),
        // Workspaces of the API product: members, invitations, keys, audit log.
        .sourceTarget(
            name: "Workspaces",
            dependencies: [
                "APIKeys", "BillingEmails", "Database", "HTTPEndpoint", "Identity", "JSON", "Mail",
                "Users", "Values", "WorkspaceAuditLog",
            ]),
        // What is done with a workspace's members.
        .sourceTarget(
            name: "WorkspaceMembers",
            dependencies: [
                "Database", "HTTPEndpoint", "JSON", "Users", "Values", "WorkspaceAuditLog",
                "Workspaces",
            ]),
        // What an operator does with workspaces by a command.
        .sourceTarget(
            name: "WorkspaceCommands",
            dependencies: [
                "Database", "HTTPEndpoint", "JSON", "Ledger", "LedgerStore", "Users", "Values",
                "WorkspaceAuditLog", "Workspaces",
            ]),
        // Who is invited to a workspace, and comes.
        .sourceTarget(
            name: "Invitations",
            dependencies: ["Database", "HTTPEndpoint", "JSON", "Users", "Values", "Workspaces"]),
        // What members do with a workspace's keys.
        .sourceTarget(
            name: "WorkspaceKeys",
            dependencies: [
                "APIKeys", "Database", "HTTPEndpoint", "JSON", "Users", "Values", "Workspaces",
            ]),
        // What members see of a workspace's account: subscription, credits, calls.
        .sourceTarget(
            name: "WorkspaceAccounts",
            dependencies: [
                "API", "APIKeys", "Billing", "Database", "HTTPEndpoint", "JSON", "Ledger",
                "LedgerStore", "Metering", "Promotions", "Subscriptions", "UsageReports",
                "Values", "Workspaces",
            ]),
        // How workspaces pay: checkout, portal, cancellation, seats and freezes.
        .sourceTarget(
            name: "WorkspaceBilling",
            dependencies: [
                "APIKeys", "Billing", "BillingEmails", "Database", "HTTPEndpoint", "JSON", "Ledger",
                "LedgerStore", "Mail", "Messaging", "Stripe", "Subscriptions", "Users", "Values",
                "WorkspaceAccounts", "WorkspaceAuditLog", "Workspaces",
                .product(name: "Logging", package: "swift-log"),
            ]),
        // How many seats a workspace pays for, and how that and its plan change.
        .sourceTarget(
            name: "WorkspaceSeats",
            dependencies: [
                "API", "Billing", "Database", "HTTPEndpoint", "JSON", "Ledger", "Messaging",
                "Stripe", "Subscriptions", "Values", "WorkspaceAccounts", "WorkspaceAuditLog",
                "WorkspaceBilling", "Workspaces",
            ]),
        .testTarget(
            name: "WorkspaceSeatsTests",
            dependencies: ["Database", "Ledger", "TestFixtures", "Values", "WorkspaceSeats"],
            swiftSettings: settings),
        .testTarget(
            name: "WorkspaceBillingTests",
            dependencies: [
                "Billing", "Database", "JSON", "Ledger", "Mail", "Messaging", "Reconciliation",
                "TestFixtures", "Users", "Values", "WorkspaceBilling",
                "Workspaces",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "WorkspacesTests",
            dependencies: [
                "APIKeys", "BillingEmails", "Database", "HTTPEndpoint", "Identity", "Invitations",
                "JSON", "Mail", "Simulator", "TestFixtures", "Users", "Values",
                "WorkspaceCommands", "WorkspaceKeys", "WorkspaceMembers", "Workspaces",
            ],
            swiftSettings: settings),
        // The operators' pages.
        .sourceTarget(
            name: "Console",
            dependencies: [
                "Billing", "Career", "CatalogSync", "Database", "HTTPEndpoint", "Identity", "JSON",
                "Ledger", "LedgerStore", "Mail", "Messaging", "Operators", "PageFrame",
                "Reconciliation", "Refunds", "Users", "Values",
                "Webhooks", "Workspaces",
            ]),
        // All that is kept of a user, as one answer.
        .sourceTarget(
            name: "UserExport",
            dependencies: [
                "APIKeys", "Billing", "BillingEmails", "Career", "Database", "HTTPEndpoint",
                "History", "Identity", "JSON",
                "Ledger",
                "LedgerStore", "Subscriptions", "TopUps", "UsageReports", "Users", "Values",
                "Workspaces",
            ]),
        // Every migration of the database, in one numbered list.
        .sourceTarget(name: "Schema", dependencies: ["Database"]),
        // A database and a catalog for the tests of several targets.
        .target(
            name: "TestFixtures", dependencies: ["Database", "Ledger", "Schema", "Values"],
            path: "Tests/TestFixtures", swiftSettings: settings),
        .testTarget(
            name: "SchemaTests", dependencies: ["Database", "Schema", "TestFixtures", "Values"],
            swiftSettings: settings),
        // A whole database out into a file and in again.
        .sourceTarget(
            name: "Moving",
            dependencies: [
                "Database", "JSON", "LedgerStore", "Schema", "Values",
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        .testTarget(
            name: "MovingTests",
            dependencies: ["Database", "JSON", "Moving", "TestFixtures", "Values"],
            swiftSettings: settings),
        // The settings: read from the environment, judged before anything is opened.
        .sourceTarget(
            name: "Settings",
            dependencies: [
                "Billing", "HTTPClient", "HTTPEndpoint", "Identity", "Mail", "PageFrame",
                "RabbitMQ", "Stripe", "StripeSetup", "Subscriptions", "Tokens", "Users", "Values",
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "SettingsTests", dependencies: ["HTTPEndpoint", "Settings", "Values"],
            swiftSettings: settings),
        // The one wiring, start and shutdown, what operators do.
        .sourceTarget(
            name: "Service",
            dependencies: [
                "API", "APIKeys", "Billing", "Career", "CatalogSync", "Console", "Database",
                "HTTPClient",
                "HTTPEndpoint", "HTTPServer",
                "Identity", "IdentityPages", "Invitations", "JSON", "Ledger", "LedgerStore", "Mail",
                "Messaging",
                "Telemetry",
                "Moving", "Operators", "PageFrame", "Pages", "Promotions", "RabbitMQ",
                "Reconciliation", "Refunds", "Renewals",
                "Packs", "Schema", "Settings",
                "Stripe", "Subscriptions", "Tokens", "TopUps", "UsageReports",
                "UserExport",
                "Users",
                "Values",
                "Webhooks", "WorkspaceAccounts", "WorkspaceBilling", "WorkspaceCommands",
                "WorkspaceKeys", "WorkspaceMembers", "WorkspacePages", "WorkspaceSeats",
                "Workspaces",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        // The ledger under faults, held against a model of its rules. The model and the engine in
        // memory know the domain alone.
        .sourceTarget(name: "Simulator", dependencies: ["Ledger", "Values"]),
        // Many runs, and the shortest that fails.
        .sourceTarget(name: "SimulationRuns", dependencies: ["Simulator", "Values"]),
        .sourceTarget(
            name: "SimulatorDatabase",
            dependencies: [
                "Database", "Ledger", "LedgerStore", "Schema", "Simulator", "Users", "Values",
            ]),
        .executableTarget(
            name: "cuebx-sim",
            dependencies: [
                "Shell", "SimulationRuns", "Simulator", "SimulatorDatabase", "Values",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "SimulatorTests",
            dependencies: ["SimulationRuns", "Simulator", "SimulatorDatabase"],
            swiftSettings: settings),
        // `cuebx tour`.
        .sourceTarget(
            name: "GuidedTour",
            dependencies: [
                "HTTPClient", "JSON", "Service", "Settings", "Shell", "Values",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .executableTarget(
            name: "cuebx",
            dependencies: [
                "Billing", "Career", "CatalogSync", "Database", "GuidedTour", "JSON", "Ledger",
                "LedgerStore", "Messaging", "Moving", "Operators", "Promotions", "Service",
                "Settings", "Shell", "StripeSandbox",
                "StripeSetup", "Subscriptions", "UsageReports", "Values", "WorkspaceAccounts",
                "WorkspaceCommands", "Workspaces",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings, linkerSettings: standalone),
        // The service measured beside the bare databases.
        .executableTarget(
            name: "cuebx-bench",
            dependencies: [
                "Database", "HTTPClient", "JSON", "Ledger", "LedgerStore", "Messaging",
                "Service", "Settings", "Shell", "Stripe", "Values", "Webhooks",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings, linkerSettings: standalone),
    ],
    swiftLanguageModes: [.v6]
)
