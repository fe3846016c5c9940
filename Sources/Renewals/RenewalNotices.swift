import Billing
import Database
import FoundationEssentials
import Ledger
import LedgerStore
import Logging
import Mail
import Stripe
import Users
import Values

/// Mails who pays by the year, or is about to, what is charged next: two weeks before, and again if
/// that changes. What is charged is what Stripe's preview of the next invoice says, with coupons,
/// tax and what else waits for it.
package struct RenewalNotices: Sendable {
    package static let pause = Duration.seconds(60)
    /// How long before, in seconds.
    package static let ahead: Int64 = 14 * 86_400
    /// How long Stripe's answer is taken to hold, in seconds.
    package static let holds: Int64 = 6 * 3600
    /// Those that are read at a time.
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

    /// Looks at each year once: one that cannot be told of now keeps no other one waiting.
    ///
    /// - Throws: what the database throws. Of whom Stripe cannot be asked now is told later.
    package func sweep() async throws {
        let now = clock.now()
        var last: DueYear?
        repeat {
            let years = try await database.read { [last] connection in
                try DueYear.soon(
                    at: now, until: now.adding(seconds: Self.ahead),
                    askedSince: now.adding(seconds: -Self.holds), after: last,
                    limit: Self.limit, in: connection)
            }
            try await tell(of: years, now: now)
            last = years.last
        } while last != nil
    }

    private func tell(of years: [DueYear], now: Timestamp) async throws {
        for year in years {
            do {
                try await tell(of: year, now: now)
            } catch let error as StripeError {
                logger.warning(
                    "a renewal is not told of yet",
                    metadata: ["subscription": "\(year.subscriptionID)", "error": "\(error)"])
                // Stripe would say the same a minute later.
                guard error.isRefusal else { continue }
                _ = try await database.write { try year.mark(nil, at: now, in: $0) }
            }
        }
    }

    /// Of a user without an address the operator is told. What was told is stored together with the
    /// mail or the notice, so neither is there without the other.
    private func tell(of year: DueYear, now: Timestamp) async throws {
        guard let charge = try await charge(of: year) else {
            _ = try await database.write { try year.mark(nil, at: now, in: $0) }
            return
        }
        _ = try await database.write { [self] connection in
            let plan = try catalog.current(in: connection).plan(charge.planID)
            let telling = charge.telling(
                after: year.told, ofYear: year.invoiceID, isScheduled: year.isScheduled,
                planPrice: plan?.price, at: now)
            guard try year.mark(charge.text, at: now, in: connection), telling != .nothing,
                let plan, let user = try UserRow.find(id: year.userID, in: connection)
            else { return }
            let price = charge.money == plan.price ? plan.spokenPrice : charge.money.spoken
            let isCorrection = telling == .correction
            // Only who has marked it tells of it, and what was told before may be so again.
            let id = UUID(
                named: "year is due", year.subscriptionID, charge.text, String(now.micros))
            try outbox.enqueue(
                year.isScheduled
                    ? .yearBegins(plan, price: price, at: year.dueAt, isCorrection: isCorrection)
                    : .planRenews(plan, price: price, at: year.dueAt, isCorrection: isCorrection),
                to: user, id: id, requestID: nil, in: connection, now: now)
            guard user.mailRecipient == nil else { return }
            try OperatorNotices.add(
                "mail_missing", subject: "mail \(id.text)",
                "\(year.subscriptionID): its user has no email address and was not told that "
                    + "\(charge.money.named) is charged for a year on \(year.dueAt.rfc3339). Tell "
                    + "them another way.", in: connection, now: now)
        }
    }

    /// What Stripe charges for the year, as it is now; `nil` if nothing is, of which the mirror may
    /// have yet to hear.
    private func charge(of year: DueYear) async throws -> YearCharge? {
        let theirs = try await stripe.retrieveSubscription(year.subscriptionID)
        guard theirs.isCharged(at: year.dueAt) else { return nil }
        let next: StripeNextInvoice
        if year.isScheduled {
            guard let schedule = theirs.scheduleID else { return nil }
            next = .schedule(schedule)
        } else {
            next = .subscription(theirs.id)
        }
        let invoice = try await stripe.previewNextInvoice(next)
        guard let money = Money(amount: invoice.amountDue, currency: invoice.currency) else {
            throw StripeError(.malformedResponse(field: "amount_due"))
        }
        return YearCharge(at: year.dueAt, planID: year.planID, money: money)
    }
}
