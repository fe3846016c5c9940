import Billing
import Database
import HTTPEndpoint
import LedgerStore
import Subscriptions
import Values

/// What the product's actions are made of.
package struct CareerParts: Sendable {
    let database: any Database
    let catalog: CatalogStore
    let clock: DecisionClock
    let subscriptions: CareerSubscriptionService
    let billing: CareerBillingService
    let quota: CareerQuotaService
    /// Where Stripe's portal leads back to.
    let publicURL: String

    package init(
        database: any Database, catalog: CatalogStore, clock: DecisionClock,
        subscriptions: CareerSubscriptionService, billing: CareerBillingService,
        quota: CareerQuotaService, publicURL: String
    ) {
        self.database = database
        self.catalog = catalog
        self.clock = clock
        self.subscriptions = subscriptions
        self.billing = billing
        self.quota = quota
        self.publicURL = publicURL
    }
}

/// Every address of the product, in the order of its documentation.
package func careerRoutes(_ parts: CareerParts) -> [Endpoint] {
    planRoutes(parts)
        + subscriptionRoutes(
            subscriptions: parts.subscriptions, billing: parts.billing, publicURL: parts.publicURL)
        + creditRoutes(parts) + usageRoutes(parts) + internalRoutes(parts)
}

private func creditRoutes(_ parts: CareerParts) -> [Endpoint] {
    let tag = "Credits"
    let at = "/career/credits"
    return [
        Endpoint(
            .get, at + "/packs", tag: tag,
            ListPacks(database: parts.database, catalog: parts.catalog))
    ]
}

private func planRoutes(_ parts: CareerParts) -> [Endpoint] {
    let tag = "Subscriptions"
    let at = "/career/subscriptions/plans"
    return [
        Endpoint(
            .get, at, tag: tag, ListPlans(database: parts.database, catalog: parts.catalog)),
        Endpoint(
            .get, at + "/{plan_id}", tag: tag,
            GetPlan(database: parts.database, catalog: parts.catalog)),
    ]
}

private func usageRoutes(_ parts: CareerParts) -> [Endpoint] {
    let (quota, database, clock) = (parts.quota, parts.database, parts.clock)
    let tag = "Usage"
    let at = "/career/usage"
    return [
        Endpoint(.get, at, tag: tag, GetBalance(quota: quota, clock: clock)),
        Endpoint(.get, at + "/logs", tag: tag, ListUsageLogs(quota: quota, database: database)),
        Endpoint(
            .get, at + "/summary", tag: tag,
            SummarizeUsage(quota: quota, database: database, clock: clock)),
    ]
}

private func internalRoutes(_ parts: CareerParts) -> [Endpoint] {
    let tag = "Internal"
    let at = "/career/internal/usage"
    return [
        Endpoint(
            .post, at + "/validate", tag: tag,
            ValidateUsageCall(quota: parts.quota, catalog: parts.catalog)),
        Endpoint(.post, at + "/commit", tag: tag, CommitUsageCall(quota: parts.quota)),
    ]
}
