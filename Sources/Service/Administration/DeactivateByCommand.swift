import Billing
import Identity
import Subscriptions

extension DeactivateUser {
    /// As a command does it, which has no billing until it needs some.
    public init(_ core: CareerCore) {
        self.init(
            database: core.database,
            subscriptions: CareerSubscriptionService(
                database: core.database, ledger: core.ledger, catalog: core.catalog,
                clock: core.clock),
            billing: { try await CareerApplication(core).services.billing },
            lock: { user in
                try await UserLock(ledger: core.ledger, clock: core.clock).setActive(user, false)
            })
    }
}
