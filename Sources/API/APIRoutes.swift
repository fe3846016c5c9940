import Database
import HTTPEndpoint
import LedgerStore

/// What the product's actions are made of.
package struct APIParts: Sendable {
    let database: any Database
    let catalog: CatalogStore

    /// - Parameter catalog: the API product's.
    package init(database: any Database, catalog: CatalogStore) {
        self.database = database
        self.catalog = catalog
    }
}

/// Every address of the product, in the order of its documentation.
package func apiRoutes(_ parts: APIParts) -> [Endpoint] {
    planRoutes(parts)
}

private func planRoutes(_ parts: APIParts) -> [Endpoint] {
    let tag = "API subscriptions"
    let at = "/api/subscriptions/plans"
    return [
        Endpoint(
            .get, at, tag: tag, ListAPIPlans(database: parts.database, catalog: parts.catalog)),
        Endpoint(
            .get, at + "/{plan_id}", tag: tag,
            GetAPIPlan(database: parts.database, catalog: parts.catalog)),
    ]
}
