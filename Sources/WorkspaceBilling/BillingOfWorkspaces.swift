import Billing
import LedgerStore
import Mail
import Subscriptions

extension CareerBillingService {
    /// The moves at Stripe of workspaces, beside those of users.
    ///
    /// - Parameters:
    ///   - ledger: that of workspaces.
    ///   - catalog: the API product's.
    package func likeOfWorkspaces(
        _ product: WorkspaceProduct, ledger: CareerLedger, catalog: CatalogStore,
        _ outbox: MailOutbox
    ) -> CareerBillingService {
        let prices = StripePrices(stripe: stripe, database: database, catalog: catalog)
        return CareerBillingService(
            stripe: stripe, database: database, ledger: ledger,
            subscriptions: CareerSubscriptionService(
                database: database, ledger: ledger, catalog: catalog, clock: clock),
            catalog: catalog, prices: prices,
            mirror: StripeMirror(
                of: product.billed, ledger, prices, mirror.notices, outbox, clock: clock,
                logger: mirror.logger),
            packs: packs.like(product.billed, ledger: ledger), erased: erased,
            moves: UnfinishedMoves(broker: erased.broker, database: database, ledger: ledger),
            former: former, sale: sale, clock: clock)
    }
}
