import API
import APIKeys
import Billing
import Database
import FoundationEssentials
import Ledger
import LedgerStore
import Mail
import Messaging
import Settings
import Subscriptions
import UsageReports
import Users
import Values
import WorkspaceAccounts
import WorkspaceBilling
import WorkspaceSeats
import Workspaces

extension LedgerSource {
    /// Accounts of workspaces, which are called by key.
    static var ofWorkspaces: LedgerSource {
        .api(
            holderStanding: WorkspaceOfAccount.standing,
            keys: KeyQueries(
                byHash: APIKeyOfCall.byHash, byID: APIKeyOfCall.byID,
                barrier: WorkspaceOfAccount.barrier))
    }
}

extension CareerCore {
    /// Gives a workspace the Free plan of the API product, where the product is offered.
    ///
    /// - Parameter formers: what is remembered of an earlier account of its owner.
    func subscribeFree(_ workspace: UUID, _ formers: FormerAccounts) async throws {
        guard try await apiCatalog.ifOffered(in: database) != nil else { return }
        let former = try await database.read { connection in
            try WorkspaceRow.find(workspace, in: connection)
                .flatMap { try UserRow.find(id: $0.ownerID, in: connection) }
                .flatMap { try formers.find(formers.key(of: $0, .api), in: connection)?.account }
        }
        _ = try await apiLedger.perform(
            ActivateFreeSubscription(
                userID: workspace,
                subscriptionID: .version7(
                    at: clock.now(), randomness: .random(in: .min ... .max)), former: former))
    }

    /// Takes the account of a user's personal workspace back that lies in the future.
    ///
    /// - Returns: `nil` if the user has no personal workspace.
    public func resetClockOfWorkspace(
        of user: UUID, reason: String
    ) async throws -> ResetClock.Outcome? {
        let personal = try await database.read { connection in
            try apiCatalog.ifOffered(in: connection)
                .flatMap { _ in try WorkspaceRow.personal(of: user, in: connection)?.id }
        }
        guard let personal else { return nil }
        return try await resetClockOfWorkspace(personal, reason: reason)
    }

    /// Takes a workspace's account back that lies in the future.
    public func resetClockOfWorkspace(
        _ id: UUID, reason: String
    ) async throws -> ResetClock.Outcome {
        guard try await apiCatalog.ifOffered(in: database) != nil else { return .noSubscription }
        return try await apiLedger.resetClock(of: id, reason: reason)
    }

    /// What is to be remembered of a workspace's account, which is locked; `nil` without one.
    func former(
        of workspace: UUID, in connection: any DatabaseConnection
    ) throws -> FormerAccount? {
        guard try apiCatalog.ifOffered(in: connection) != nil else { return nil }
        return try apiLedger.look(at: [EraseAccount(userID: workspace)], in: connection)[0]
    }

    /// The credits of workspaces, each in its place; `nil` without a subscription.
    func credits(
        of workspaces: [UUID], in connection: any DatabaseConnection
    ) throws -> [WorkspaceCredits?] {
        guard try apiCatalog.ifOffered(in: connection) != nil else {
            return workspaces.map { _ in nil }
        }
        return try apiLedger.standings(of: workspaces, by: clock, in: connection).map {
            $0.flatMap { standing in
                let context = standing.account.context
                guard !standing.account.subscription.awaitsFirstPayment else { return nil }
                return WorkspaceCredits(
                    allocated: context.allocated, used: context.used,
                    reserved: context.reserved, remaining: BalanceBySource(standing).sum)
            }
        }
    }
}

extension CareerCore {
    /// How what workspaces subscribe to is mirrored and sold.
    func workspaceProduct(
        _ outbox: MailOutbox, _ broker: any MessageBroker
    ) -> WorkspaceProduct {
        WorkspaceProduct(
            database: database, broker: broker,
            mails: WorkspaceMails(outbox: outbox, site: settings.publicURL),
            grace: settings.pastDueGrace,
            isChanging: { try PlanChanges.isUnderWay(of: $0, in: $1, now: $2) })
    }
}

extension CareerServices {
    var api: APIParts {
        APIParts(
            database: core.database, catalog: core.apiCatalog,
            usage: APIUsageService(
                ledger: core.apiLedger, catalog: core.apiCatalog,
                hash: { [secrets] in secrets.hashes(.apiKey, $0) },
                used: { [keyUses, clock = core.clock] in keyUses.note($0, at: clock.now()) },
                tell: workspaceCreditMails.tell),
            calls: calls)
    }

    var workspaceCreditMails: WorkspaceCreditMails {
        WorkspaceCreditMails(
            mails: WorkspaceMails(outbox: outbox, site: core.settings.publicURL),
            clock: core.clock)
    }

    /// Brings what has lapsed up to now, of both products.
    func sweepLedgers() async throws {
        try await sweeper.sweep()
        try await sweepWorkspaces()
        try await writeKeyUses()
        try await refusals.write(to: core.database)
    }

    func sweepWorkspaces() async throws {
        await OverdueWorkspaces(
            product: workspaceProduct, ledger: core.apiLedger, clock: core.clock,
            logger: core.logger
        ).sweep()
        let workspaces = ExpirySweeper(
            database: core.database, ledger: core.apiLedger, of: .api, clock: core.clock,
            lags: metrics.lags)
        try await workspaces.sweep()
    }

    func writeKeyUses() async throws { try await keyUses.write(to: core.database) }
}
