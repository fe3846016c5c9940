import Database
import HTTPEndpoint
import LedgerStore
import UsageBatch

/// What the product's actions are made of.
package struct APIParts: Sendable {
    let database: any Database
    let catalog: CatalogStore
    let usage: APIUsageService
    /// By what the operations of a batch are handled as requests of their own are.
    let calls: CallHandler

    /// - Parameter catalog: the API product's.
    package init(
        database: any Database, catalog: CatalogStore, usage: APIUsageService, calls: CallHandler
    ) {
        self.database = database
        self.catalog = catalog
        self.usage = usage
        self.calls = calls
    }
}

/// Every address of the product, in the order of its documentation.
package func apiRoutes(_ parts: APIParts) -> [Endpoint] {
    planRoutes(parts) + internalRoutes(parts)
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
        Endpoint(
            .get, "/api/subscriptions/packs", tag: tag,
            ListAPIPacks(database: parts.database, catalog: parts.catalog)),
    ]
}

private let internalUsage = "/api/internal/usage"

private func internalRoutes(_ parts: APIParts) -> [Endpoint] {
    let bulk = parts.usage.inBulk
    let batch = BatchAPIUsage(
        batch: BatchUsageCalls(
            verbs: usageVerbs(bulk), calls: parts.calls, prefix: "API", canTake: bulk.canTake),
        verbs: UsageVerbs(usageVerbs(bulk), prefix: "API"))
    return usageVerbs(parts.usage) + [
        Endpoint(
            .post, internalUsage + "/batch", tag: "API internal", batch,
            answering: batch.answerSchema)
    ]
}

/// What a tool server asks and tells: each is an address, and an operation of the batch by the last
/// part of it.
private func usageVerbs(_ usage: APIUsageService) -> [Endpoint] {
    let tag = "API internal"
    let at = internalUsage
    return [
        Endpoint(.post, at + "/validate", tag: tag, ValidateAPIUsage(usage: usage)),
        Endpoint(.post, at + "/extend", tag: tag, ExtendAPIUsage(usage: usage)),
        Endpoint(.post, at + "/capture", tag: tag, CaptureAPIUsage(usage: usage)),
        Endpoint(.post, at + "/commit", tag: tag, CommitAPIUsage(usage: usage)),
        Endpoint(.post, at + "/cancel", tag: tag, CancelAPIUsage(usage: usage)),
    ]
}
