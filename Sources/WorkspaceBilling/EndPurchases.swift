import Billing
import Database
import FoundationEssentials
import LedgerStore
import Subscriptions
import Values
import Workspaces

extension DeactivateUser {
    /// How users and workspaces are billed.
    package typealias Billings =
        @Sendable () async throws -> (users: CareerBillingService, workspaces: CareerBillingService)

    /// Of both products: what a user buys, and what their workspaces do, personal and teams, which
    /// nobody but their owner can cancel.
    ///
    /// - Parameters:
    ///   - users: the Career product's.
    ///   - workspaces: the API product's, which need not be offered.
    package init(
        _ database: any Database, users: (CareerLedger, CatalogStore),
        workspaces: (CareerLedger, CatalogStore), clock: DecisionClock,
        billing: @escaping Billings, lock: @escaping @Sendable (UUID) async throws -> Void
    ) {
        let catalog = workspaces.1
        self.init(
            [
                Purchases(
                    .career,
                    CareerSubscriptionService(
                        database: database, ledger: users.0, catalog: users.1, clock: clock),
                    billing: { try await billing().users }),
                Purchases(
                    .workspaces,
                    CareerSubscriptionService(
                        database: database, ledger: workspaces.0, catalog: catalog, clock: clock),
                    billing: { try await billing().workspaces },
                    of: { user in
                        try await database.read { connection in
                            guard try catalog.ifOffered(in: connection) != nil else { return [] }
                            return try Self.holders(ownedBy: user, in: connection)
                        }
                    }),
            ], lock: lock)
    }

    private static func holders(
        ownedBy user: UUID, in connection: any DatabaseConnection
    ) throws -> [Holder] {
        let personal = try WorkspaceRow.personal(of: user, in: connection).map { Holder($0.id) }
        let teams = try WorkspaceRow.teams(ownedBy: user, in: connection).map {
            Holder($0.id, name: "the team \($0.slug)")
        }
        return (personal.map { [$0] } ?? []) + teams
    }
}
