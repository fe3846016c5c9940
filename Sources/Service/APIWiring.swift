import API
import APIKeys
import FoundationEssentials
import Ledger
import LedgerStore
import Telemetry
import UsageReports
import Values
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
    func subscribeFree(_ workspace: UUID) async throws {
        guard try await apiCatalog.ifOffered(in: database) != nil else { return }
        _ = try await apiLedger.perform(
            ActivateFreeSubscription(
                userID: workspace,
                subscriptionID: .version7(
                    at: clock.now(), randomness: .random(in: .min ... .max)), former: nil))
    }

    /// The credits of a workspace; `nil` without a subscription.
    func credits(of workspace: UUID) async throws -> WorkspaceCredits? {
        guard try await apiCatalog.ifOffered(in: database) != nil,
            let standing = try await apiLedger.standing(of: workspace, by: clock)
        else { return nil }
        let context = standing.account.context
        return WorkspaceCredits(
            allocated: context.allocated, used: context.used, reserved: context.reserved,
            remaining: BalanceBySource(standing).sum)
    }
}

extension CareerServices {
    var api: APIParts {
        APIParts(
            database: core.database, catalog: core.apiCatalog,
            usage: APIUsageService(
                ledger: core.apiLedger, catalog: core.apiCatalog,
                hash: { [secrets] in secrets.hashes(.apiKey, $0) },
                used: { [keyUses, clock = core.clock] in keyUses.note($0, at: clock.now()) }),
            calls: calls)
    }

    /// Brings what has lapsed up to now, of both products.
    func sweepLedgers() async throws {
        try await sweeper.sweep()
        let workspaces = ExpirySweeper(
            database: core.database, ledger: core.apiLedger, of: .api, clock: core.clock,
            lags: LagMetrics())
        try await workspaces.sweep()
        try await keyUses.write(to: core.database)
    }
}
