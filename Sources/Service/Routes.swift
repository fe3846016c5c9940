import API
import Career
import HTTPEndpoint
import Identity
import Invitations
import JSON
import PageFrame
import Settings
import UserExport
import Values
import Webhooks
import WorkspaceAccounts
import WorkspaceBilling
import WorkspaceKeys
import WorkspaceMembers
import WorkspaceSeats
import Workspaces

/// Every address of the product, in the order of its documentation.
func routes(_ services: CareerServices) -> [Endpoint] {
    careerRoutes(services.career)
        + apiRoutes(services.api)
        + identityEndpoints(
            services.identity,
            export: Endpoint(
                .get, "/auth/me/export", tag: "Identity", ExportMe(identity: services.identity)))
        + workspaceRoutes(services.workspaces)
        + workspaceMemberRoutes(services.workspaces) + invitationRoutes(services.workspaces)
        + workspaceKeyRoutes(services.workspaces)
        + workspaceAccountRoutes(services.workspaceAccounts)
        + workspaceBillingRoutes(services.workspaceBilling)
        + workspaceSeatRoutes(services.workspaceBilling)
        + webhookRoutes(services.receiver)
        + operationRoutes(services)
}

private func operationRoutes(_ services: CareerServices) -> [Endpoint] {
    let tag = "Operations"
    let documentation = Documentation(services)
    return monitoringRoutes(services) + [
        Endpoint(
            .get, "/openapi.json", tag: tag, name: "GetOpenAPI",
            about: About("This document", access: .open), contentType: "application/json",
            keepsAnswer: true
        ) { _, _ in documentation.document.value },
        Endpoint(
            .get, "/docs", tag: tag, name: "GetDocs",
            about: About("This document as a page", access: .open),
            contentType: "text/html; charset=utf-8", headers: DocsPage.headers,
            keepsAnswer: true
        ) { _, _ in documentation.page.value },
    ]
}

/// What a monitor asks for; all that a worker serves, where it serves at all.
func monitoringRoutes(_ services: CareerServices) -> [Endpoint] {
    let tag = "Operations"
    let metrics = services.metrics
    return [
        Endpoint(.get, "/health", tag: tag, CheckHealth()),
        Endpoint(.get, "/ready", tag: tag, services.readiness),
        Endpoint(
            .get, "/metrics", tag: tag, name: "GetMetrics",
            about: About("Counters in Prometheus' text format", access: .open),
            contentType: "text/plain; version=0.0.4"
        ) { _, _ in Array(await metrics.text().utf8) },
    ]
}

/// Addresses of development; in production they do not exist.
func developmentRoutes(_ services: CareerServices) -> [Endpoint] {
    guard let advance = clockAdvance(services) else { return [] }
    return [
        Endpoint(.post, "/dev/clock", tag: "Development", advance),
        Endpoint(
            .get, "/dev/mailbox", tag: "Development",
            ReadMailbox(database: services.core.database, secrets: services.secrets)),
    ]
}

/// What moves the development clock; `nil` in production.
func clockAdvance(_ services: CareerServices) -> AdvanceClock? {
    guard let clock = services.core.developmentClock else { return nil }
    let (worker, topUps) = (services.worker, services.topUps)
    let localStripe = services.localStripe
    return AdvanceClock(
        developmentClock: clock, isFixed: services.core.settings.hasRealStripe,
        settle: {
            // What is done for one event may lead to another, e.g. by ending a subscription.
            var worked = worker.claimed
            for _ in 0..<AdvanceClock.maximumRounds {
                try await topUps.sweep()
                try await localStripe.settle()
                try await worker.drain()
                if worker.claimed == worked { break }
                worked = worker.claimed
            }
            try await services.sweepLedgers()
            try await services.sweepPeople()
            try await services.renewals.sweep()
        })
}

/// The document of the product's addresses and its page, each made when it is first asked for.
private struct Documentation: Sendable {
    let document: Once<[UInt8]>
    let page: Once<[UInt8]>

    init(_ services: CareerServices) {
        document = Once {
            Array(openAPIDocument(of: routes(services)).json.compactText.utf8)
        }
        page = Once { Array(DocsPage(openAPIDocument(of: routes(services)).json).html.utf8) }
    }
}

func openAPIDocument(of endpoints: [Endpoint]) -> OpenAPIDocument {
    OpenAPIDocument(
        title: "CueBX Career", version: ProductVersion.text,
        description: """
            Subscriptions and metering for an AI career-coaching product. Credits and money are \
            decimal strings, times are RFC 3339 in UTC, ids are UUIDs. A trailing slash is \
            accepted everywhere; unknown fields are ignored.
            """,
        servers: [
            (url: "/", description: "The server that this document comes from."),
            (url: Settings().listenURL, description: "A server of `make run`."),
        ],
        tags: [
            ("Subscriptions", "Plans, and a user's one Career subscription."),
            ("API subscriptions", "Plans of the API product, for workspaces."),
            ("API internal", "For AI tool servers that are called by customers' software, by key."),
            ("Usage", "What a user has spent."),
            ("Internal", "For AI tool servers: one call before, one after."),
            ("Identity", "Sign-up, sign-in, sessions."),
            ("Workspaces", "Teams of the API product: members, invitations, keys."),
            ("Webhooks", "For Stripe."),
            ("Operations", "For whoever runs the service."),
        ],
        endpoints: endpoints)
}
