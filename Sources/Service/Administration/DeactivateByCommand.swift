import Identity
import Subscriptions
import WorkspaceBilling

extension DeactivateUser {
    /// As a command does it, which has no billing until it needs some.
    public init(_ core: CareerCore) {
        self.init(core) {
            let services = try await CareerApplication(core).services
            return (services.billing, services.apiBilling)
        }
    }

    init(_ core: CareerCore, billing: @escaping Billings) {
        self.init(
            core.database, users: (core.ledger, core.catalog),
            workspaces: (core.apiLedger, core.apiCatalog), clock: core.clock, billing: billing
        ) { user in
            try await UserLock(ledger: core.ledger, clock: core.clock).setActive(user, false)
        }
    }
}
