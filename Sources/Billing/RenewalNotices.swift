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
    /// Those that are read at a time.
    private static let limit: Int64 = 100

    private let stripe: StripeClient
    private let database: any Database
    private let outbox: MailOutbox
    private let catalog: CatalogStore
    private let notices: OperatorNotices
    private let clock: DecisionClock
    private let logger: Logger

    package init(
        stripe: StripeClient, database: any Database, outbox: MailOutbox, catalog: CatalogStore,
        notices: OperatorNotices, clock: DecisionClock, logger: Logger
    ) {
        self.stripe = stripe
        self.database = database
        self.outbox = outbox
        self.catalog = catalog
        self.notices = notices
        self.clock = clock
        self.logger = logger
    }

    /// Looks at each year once: one that cannot be told of now keeps no other one waiting.
    ///
    /// - Throws: what the database throws. Of whom Stripe cannot be asked now is told later.
    package func sweep() async throws {
        let now = clock.now()
        var last: EndingYear?
        repeat {
            let years = try await database.read { [last] connection in
                try EndingYear.untold(
                    at: now, until: now.adding(seconds: Self.ahead), after: last,
                    limit: Self.limit, in: connection)
            }
            try await tell(of: years, now: now)
            last = years.last
        } while last != nil
    }

    private func tell(of years: [EndingYear], now: Timestamp) async throws {
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

    /// Of a user without an address the operator is told.
    private func tell(of year: EndingYear, now: Timestamp) async throws {
        let theirs = try await stripe.retrieveSubscription(year.subscriptionID)
        // The mirror has yet to hear of an end.
        guard !theirs.isOver, !theirs.isEnding else { return }
        let id = UUID(named: "year renews", year.invoiceID)
        let isUnheard = try await database.write { [self] connection -> Bool in
            let catalog = try catalog.current(in: connection)
            guard try year.markTold(in: connection),
                let linked = try LinkedSubscription.find(
                    stripeID: year.subscriptionID, in: connection),
                let plan = catalog.plan(linked.planID),
                let user = try UserRow.find(id: year.userID, in: connection)
            else { return false }
            let price = SpokenPrice(catalog: catalog, items: theirs.items).text(of: plan)
            try outbox.enqueue(
                .planRenews(plan, price: price, at: year.end), to: user,
                id: id, requestID: nil, in: connection, now: now)
            return user.mailRecipient == nil
        }
        guard isUnheard else { return }
        try await notices.add(
            "mail_missing", subject: "mail \(id.text)",
            "\(year.subscriptionID): its user has no email address and was not told that the year "
                + "renews on \(year.end.rfc3339). Tell them another way.")
    }
}
