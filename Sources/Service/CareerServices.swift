import APIKeys
import Billing
import Career
import Console
import Database
import Foundation
import HTTPClient
import HTTPEndpoint
import Identity
import LedgerStore
import Logging
import Mail
import Messaging
import Packs
import Promotions
import RabbitMQ
import Reconciliation
import Refunds
import Renewals
import Settings
import Stripe
import Subscriptions
import Telemetry
import TopUps
import Users
import Values
import Webhooks
import WorkspaceBilling
import Workspaces

/// The services that the endpoints are made of, put together once.
public struct CareerServices: Sendable {
    let core: CareerCore
    let subscriptions: CareerSubscriptionService
    let billing: CareerBillingService
    let quota: CareerQuotaService
    let topUps: TopUpService
    let sweeper: ExpirySweeper
    let identitySweeper: IdentitySweeper
    let metrics: MetricsPage
    let identity: IdentityServices
    let outbox: MailOutbox
    let secrets: TokenHashSecrets
    /// When API keys were last used, until that is written.
    let keyUses = KeyUses()
    /// Who was refused for want of credits, until that is written.
    let refusals = CreditRefusals()
    let receiver: ReceiveStripeEvent
    let localStripe: LocalStripe
    let former: FormerAccounts
    let readiness: CheckReadiness
    /// Sends messages on their way, where the broker is not the database itself.
    let relay: OutboxRelay?
    public let worker: MessageWorker
    public let prices: StripePrices
    public let mirror: StripeMirror
    /// Of workspaces.
    let apiBilling: CareerBillingService
    let workspaceProduct: WorkspaceProduct
    public let notices: OperatorNotices
    public let reconciliation: StripeReconciliation

    /// How requests, and the operations of a batch, are handled.
    var calls: CallHandler {
        CallHandler(
            gatekeeper: WorkspaceGatekeeper(
                after: identity.gatekeeper, database: core.database,
                isGoing: { [clock = core.clock] in
                    try WorkspaceDeletions.isUnderWay(of: $0, in: $1, now: clock.now())
                }), observer: metrics.requests, logger: core.logger,
            translate: problem(for:))
    }

    var career: CareerParts {
        CareerParts(
            database: core.database, catalog: core.catalog, clock: core.clock,
            subscriptions: subscriptions, billing: billing, quota: quota,
            redemption: CodeRedemption(
                database: core.database, ledger: core.ledger,
                former: former, clock: core.clock),
            topUps: topUps,
            proof: { [identity] in try await identity.reauthenticate($0, password: $1) },
            calls: calls, publicURL: core.settings.publicURL,
            recordsWithin: core.settings.recordWithin)
    }

    /// The prices of the API product.
    public var apiPrices: StripePrices {
        StripePrices(stripe: prices.stripe, database: core.database, catalog: core.apiCatalog)
    }

    var refunds: Refunds {
        Refunds(
            stripe: prices.stripe, database: core.database, mirror: mirror,
            packs: reconciliation.packs, logger: core.logger)
    }

    var renewals: RenewalNotices {
        RenewalNotices(
            stripe: prices.stripe, database: core.database, outbox: outbox, catalog: core.catalog,
            clock: core.clock, logger: core.logger)
    }

    /// For a command, which serves nothing.
    public init(_ core: CareerCore) async throws {
        try await self.init(core, requests: RequestLog(logger: core.logger))
    }

    init(_ core: CareerCore, requests: RequestLog) async throws {
        let (database, clock, settings) = (core.database, core.clock, core.settings)
        let (broker, relay) = try Self.broker(core)
        (self.core, self.relay) = (core, relay)
        readiness = CheckReadiness(database: database, broker: broker, logger: core.logger)
        secrets = TokenHashSecrets(settings.tokenHashSecrets)
        outbox = MailOutbox(
            broker: settings.smtpURL == nil ? nil : broker, templates: MailTemplates(),
            secrets: secrets)
        let (stripe, lags) = try (settings.stripeClient(), LagMetrics())
        subscriptions = CareerSubscriptionService(
            database: database, ledger: core.ledger, catalog: core.catalog, clock: clock)
        quota = CareerQuotaService(
            database: database, ledger: core.ledger, catalog: core.catalog, broker: broker,
            mails: CreditMails(outbox: outbox), clock: clock, refusals: refusals)
        sweeper = ExpirySweeper(database: database, ledger: core.ledger, clock: clock, lags: lags)
        identitySweeper = IdentitySweeper(
            database: database, clock: clock, keepsMails: settings.isDevelopment)
        metrics = MetricsPage(
            requests: requests, ledger: core.ledger, apiLedger: core.apiLedger,
            lane: core.laneMetrics, lags: lags, queues: QueueMetrics(broker: broker, clock: clock))
        prices = StripePrices(stripe: stripe, database: database, catalog: core.catalog)
        notices = OperatorNotices(database: database, clock: clock)
        mirror = StripeMirror(
            of: .career, core.ledger, prices, notices, outbox, clock: clock, logger: core.logger)
        let (teller, packs) = Self.packs(core, stripe, notices, outbox)
        former = FormerAccounts(secrets: secrets, installation: core.installation)
        let billing = CareerBillingService(
            stripe: stripe, database: database, ledger: core.ledger,
            subscriptions: subscriptions, catalog: core.catalog, prices: prices, mirror: mirror,
            packs: packs, erased: ErasedCustomers(broker: broker),
            moves: UnfinishedMoves(broker: broker, database: database, ledger: core.ledger),
            former: former, sale: settings.sale, clock: clock)
        self.billing = billing
        workspaceProduct = core.workspaceProduct(outbox, broker)
        let ofWorkspaces = billing.likeOfWorkspaces(
            workspaceProduct, ledger: core.apiLedger, catalog: core.apiCatalog, outbox)
        apiBilling = ofWorkspaces
        topUps = TopUpService(
            billing: billing, teller: teller, notices: notices, logger: core.logger)
        reconciliation = StripeReconciliation(
            stripe: stripe, database: database, users: (mirror, packs),
            others: [(ofWorkspaces.mirror, ofWorkspaces.packs)], topUps: topUps,
            issuer: settings.authJWKS == nil ? nil : settings.authIssuer)
        localStripe = LocalStripe(settings, logger: core.logger)
        receiver = ReceiveStripeEvent(
            ledger: core.ledger, inbox: StripeEventInbox(broker: broker),
            secrets: settings.stripe.webhookSecrets,
            mode: StripeMode(secretKey: settings.stripe.secretKey), lags: lags,
            logger: core.logger, clock: clock, wall: .wall)
        var all = Self.stripeHandlers(
            billing, ofWorkspaces, topUps, workspaceProduct.losses
        ).all
        let trial = CatalogTrial(database: database, catalog: core.catalog, clock: clock)
        all[.operatorWork] = trial.handle
        all.merge(try Self.handlers(core, quota, secrets)) { $1 }
        let traced = TracedHandlers(lags: lags, clock: clock, logger: core.logger).trace(all)
        worker = MessageWorker(
            broker: broker, handlers: traced, burials: [.operatorWork: trial.bury],
            now: clock.now, logger: core.logger, beforeClaim: core.freshenClockPatiently)
        identity = try await IdentityServices(
            settings.identity(secrets, core.installation), database: database,
            ledger: core.ledger, clock: clock, logger: core.logger, subscriptions: subscriptions,
            outbox: outbox, erasedCustomers: billing.erased,
            otherTraces: .of(core, former, outbox, ofWorkspaces)
        ) { user in
            try await billing.forget(user: user)
            try await EndWorkspaceBilling(billing: ofWorkspaces).ofPersonal(of: user)
        }
    }

    private static func stripeHandlers(
        _ career: CareerBillingService, _ api: CareerBillingService, _ topUps: TopUpService,
        _ losses: SeatLosses
    ) -> StripeEventHandlers {
        StripeEventHandlers(
            database: career.database, stripe: career.stripe,
            mirrors: StripeMirrors([career.mirror, api.mirror], logger: career.mirror.logger),
            packs: PackMirrors(users: career.packs, others: [api.packs]),
            topUps: topUps, notices: career.mirror.notices,
            forgetErased: { try await career.forgetErased($0) },
            others: { work in
                if try await CustomerEmails(billing: api).handle(work) { return true }
                return try await losses.handle(work, in: api.database, now: api.clock.now())
            },
            takeUp: { move, requestID in
                let isOfWorkspace = try await api.mirror.isLinked(move.subscriptionID)
                try await (isOfWorkspace ? api : career).takeUp(move, requestID: requestID)
            }, clock: career.clock)
    }

    /// What is done for messages that are not Stripe's.
    private static func handlers(
        _ core: CareerCore, _ quota: CareerQuotaService, _ secrets: TokenHashSecrets
    ) throws -> [MessageQueue: MessageWorker.Handler] {
        var all: [MessageQueue: MessageWorker.Handler] = [
            .usageCommits: QueuedCommits(quota: quota).handle
        ]
        if let url = core.settings.smtpURL {
            all[.emails] = try MailDelivery(
                url: url, from: core.settings.mailFrom, database: core.database,
                secrets: secrets, clock: core.clock
            ).handle
        }
        return all
    }

    private static func packs(
        _ core: CareerCore, _ stripe: StripeClient, _ notices: OperatorNotices,
        _ outbox: MailOutbox
    ) -> (TopUpTeller, PackMirror) {
        let teller = TopUpTeller(outbox: outbox)
        var packs = PackMirror(
            of: .career, stripe: stripe, database: core.database, ledger: core.ledger,
            notices: notices,
            outbox: outbox, clock: core.clock, logger: core.logger)
        packs.moneyWentBack = { try teller.moneyWentBack(of: $0, in: $1, now: $2) }
        packs.isGivenBack = { try TopUpReturns.isPending($0, of: $1, $2, in: $3) }
        return (teller, packs)
    }

    private static func broker(
        _ core: CareerCore
    ) throws -> (any MessageBroker, OutboxRelay?) {
        let wall = DecisionClock.wall.now
        guard let url = try core.settings.rabbitMQ() else {
            return (EmbeddedBroker(database: core.database, wall: wall), nil)
        }
        let broker = RabbitMQBroker(
            url, database: core.database, wall: wall, logger: core.logger)
        return (broker, OutboxRelay(broker: broker, now: core.clock.now, logger: core.logger))
    }
}
