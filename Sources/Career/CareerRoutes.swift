import Billing
import Database
import HTTPEndpoint
import History
import LedgerStore
import Promotions
import Subscriptions
import TopUps
import UsageBatch
import Values

/// What the product's actions are made of.
package struct CareerParts: Sendable {
    let database: any Database
    let catalog: CatalogStore
    let clock: DecisionClock
    package let subscriptions: CareerSubscriptionService
    package let billing: CareerBillingService
    let quota: CareerQuotaService
    let redemption: CodeRedemption
    package let topUps: TopUpService
    /// Has a user prove anew who they are, for what a token alone does not allow.
    let proof: ProofOfCaller
    /// By what the operations of a batch are handled as requests of their own are.
    let calls: CallHandler
    /// Where Stripe's portal leads back to.
    let publicURL: String
    /// How long ago a call may have run that is recorded afterwards, in seconds; none: off.
    let recordsWithin: Int64

    package init(
        database: any Database, catalog: CatalogStore, clock: DecisionClock,
        subscriptions: CareerSubscriptionService, billing: CareerBillingService,
        quota: CareerQuotaService, redemption: CodeRedemption, topUps: TopUpService,
        proof: @escaping ProofOfCaller, calls: CallHandler, publicURL: String,
        recordsWithin: Int64
    ) {
        self.database = database
        self.catalog = catalog
        self.clock = clock
        self.subscriptions = subscriptions
        self.billing = billing
        self.quota = quota
        self.redemption = redemption
        self.topUps = topUps
        self.proof = proof
        self.calls = calls
        self.publicURL = publicURL
        self.recordsWithin = recordsWithin
    }
}

/// Every address of the product, in the order of its documentation.
package func careerRoutes(_ parts: CareerParts) -> [Endpoint] {
    planRoutes(parts)
        + subscriptionRoutes(
            subscriptions: parts.subscriptions, billing: parts.billing, publicURL: parts.publicURL)
        + creditRoutes(parts) + topUpRoutes(parts.topUps, proof: parts.proof) + usageRoutes(parts)
        + historyRoutes(parts) + internalRoutes(parts)
}

private func historyRoutes(_ parts: CareerParts) -> [Endpoint] {
    let tag = "History"
    let at = "/career/history"
    let database = parts.database
    return [
        Endpoint(.get, at, tag: tag, ListHistory(database: database)),
        Endpoint(.get, at + "/{result_id}", tag: tag, GetHistoryItem(database: database)),
        Endpoint(.delete, at + "/{result_id}", tag: tag, DeleteHistoryItem(database: database)),
    ]
}

private func creditRoutes(_ parts: CareerParts) -> [Endpoint] {
    let tag = "Credits"
    let at = "/career/credits"
    return [
        Endpoint(
            .get, at, tag: tag, ListCredits(quota: parts.quota, database: parts.database)),
        Endpoint(
            .get, at + "/packs", tag: tag,
            ListPacks(database: parts.database, catalog: parts.catalog)),
        Endpoint(.post, at + "/checkout", tag: tag, BuyPack(billing: parts.billing)),
        Endpoint(.post, at + "/redeem", tag: tag, RedeemCode(redemption: parts.redemption)),
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
            .get, at + "/logs/{usage_id}", tag: tag,
            ExplainUsage(database: database, catalog: parts.catalog, clock: clock)),
        Endpoint(
            .get, at + "/summary", tag: tag,
            SummarizeUsage(quota: quota, database: database, clock: clock)),
        Endpoint(.get, at + "/limits", tag: tag, GetSpendingLimits(quota: quota)),
        Endpoint(.put, at + "/limits", tag: tag, PutSpendingLimits(quota: quota)),
    ]
}

private func internalRoutes(_ parts: CareerParts) -> [Endpoint] {
    let bulk = parts.quota.inBulk
    return usageVerbs(parts.quota, parts) + [
        batchEndpoint(
            internalUsage + "/batch", usageVerbs(bulk, parts), calls: parts.calls,
            canTake: bulk.canTake)
    ]
}

private let internalUsage = "/career/internal/usage"

/// What a tool server asks and tells: each is an address, and an operation of the batch by the last
/// part of it.
private func usageVerbs(_ quota: CareerQuotaService, _ parts: CareerParts) -> [Endpoint] {
    let tag = "Internal"
    let at = internalUsage
    return [
        Endpoint(
            .post, at + "/validate", tag: tag,
            ValidateUsageCall(quota: quota, catalog: parts.catalog)),
        Endpoint(.post, at + "/extend", tag: tag, ExtendUsageCall(quota: quota)),
        Endpoint(.post, at + "/capture", tag: tag, CaptureUsageCall(quota: quota)),
        Endpoint(.post, at + "/commit", tag: tag, CommitUsageCall(quota: quota)),
        Endpoint(.post, at + "/cancel", tag: tag, CancelUsageCall(quota: quota)),
        Endpoint(
            .post, at + "/record", tag: tag,
            RecordUsageCall(quota: quota, within: parts.recordsWithin)),
    ]
}
