import Database
import FoundationEssentials
import Ledger
import LedgerStore
import Logging
import Mail
import Stripe
import Users
import Values

/// Mails who pays by the year what is charged next, two weeks before: once a year.
package struct RenewalNotices: Sendable {
    package static let pause = Duration.seconds(60)
    /// How long before, in seconds.
    package static let ahead: Int64 = 14 * 86_400
    /// Those that one look takes up; the next one takes up others.
    private static let limit: Int64 = 100

    private let stripe: StripeClient
    private let database: any Database
    private let outbox: MailOutbox
    private let catalog: CatalogStore
    private let clock: DecisionClock
    private let logger: Logger

    package init(
        stripe: StripeClient, database: any Database, outbox: MailOutbox, catalog: CatalogStore,
        clock: DecisionClock, logger: Logger
    ) {
        self.stripe = stripe
        self.database = database
        self.outbox = outbox
        self.catalog = catalog
        self.clock = clock
        self.logger = logger
    }

    /// - Throws: what the database throws. Of whom Stripe cannot be asked now is told later.
    package func sweep() async throws {
        let now = clock.now()
        let years = try await database.read { connection in
            try EndingYear.untold(
                at: now, until: now.adding(seconds: Self.ahead), limit: Self.limit, in: connection)
        }
        for year in years {
            do {
                try await tell(of: year, now: now)
            } catch let error as StripeError {
                logger.warning(
                    "a renewal is not told of yet",
                    metadata: ["subscription": "\(year.subscriptionID)", "error": "\(error)"])
            }
        }
    }

    private func tell(of year: EndingYear, now: Timestamp) async throws {
        let theirs = try await stripe.retrieveSubscription(year.subscriptionID)
        // The mirror has yet to hear of an end.
        guard !theirs.isOver, !theirs.isEnding else { return }
        _ = try await database.write { [self] connection in
            let catalog = try catalog.current(in: connection)
            guard try year.markTold(in: connection),
                let linked = try LinkedSubscription.find(
                    stripeID: year.subscriptionID, in: connection),
                let plan = catalog.plan(linked.planID),
                let user = try UserRow.find(id: year.userID, in: connection)
            else { return }
            let price = SpokenPrice(catalog: catalog, items: theirs.items).text(of: plan)
            try outbox.enqueue(
                .planRenews(plan, price: price, at: year.end), to: user,
                id: UUID(named: "year renews", year.invoiceID), requestID: nil, in: connection,
                now: now)
        }
    }
}
