import Database
import Foundation
import Ledger
import LedgerStore
import Logging
import Mail
import Messaging
import Stripe
import Values

/// Keeps accounts in line with Stripe. It always fetches the *current* subscription and writes it
/// under a fencing token taken before the fetch, so the order of events, duplicates and parallel
/// workers cannot matter.
public struct StripeMirror: Sendable {
    let stripe: StripeClient
    let database: any Database
    /// Whose subscriptions are mirrored.
    package let product: BilledProduct
    package let ledger: CareerLedger
    /// What Stripe says, in the domain's words.
    package let reader: BillingSnapshotReader
    package let notices: OperatorNotices
    package let mails: BillingMails
    package let clock: DecisionClock
    package let logger: Logger

    /// - Parameters:
    ///   - ledger: the product's, as the prices are.
    package init(
        of product: BilledProduct, _ ledger: CareerLedger, _ prices: StripePrices,
        _ notices: OperatorNotices, _ outbox: MailOutbox, clock: DecisionClock, logger: Logger
    ) {
        stripe = prices.stripe
        database = prices.database
        self.product = product
        self.ledger = ledger
        reader = BillingSnapshotReader(stripe: stripe, database: database, prices: prices)
        self.notices = notices
        mails = BillingMails(
            database: database, product: product, outbox: outbox, catalog: prices.catalog,
            notices: notices)
        self.clock = clock
        self.logger = logger
    }

    /// Whether the product was ever synced; one that was not has nothing to mirror by.
    package func isOffered() async throws -> Bool {
        try await reader.prices.catalog.ifOffered(in: database) != nil
    }

    /// What a look at a subscription came to.
    public enum Refreshed: Sendable {
        /// Stripe does not know it; an account that had it has it no longer.
        case unknown
        /// It is of no holder of this product.
        case nobodys
        case mirrored
    }

    /// Fetches the subscription and applies it.
    ///
    /// - Parameters:
    ///   - userID: whose it is, where the caller knows; else its metadata and customer tell.
    ///   - requestID: of the request, or of the event's, that asks for it; `nil` for a command.
    /// - Throws: ``StripeError`` where Stripe cannot be asked, what the ledger throws.
    @discardableResult
    public func refresh(
        _ subscriptionID: String, userID: UUID? = nil, requestID: String?
    ) async throws -> Refreshed {
        let token = try await ledger.takeToken(of: subscriptionID)
        let subscription: StripeSubscription
        do {
            subscription = try await stripe.retrieveSubscription(subscriptionID)
        } catch {
            guard case .notFound = error.kind else { throw error }
            try await endUnknown(subscriptionID, under: token, requestID: requestID)
            return .unknown
        }
        if try await isLinkedToAnother(subscription) {
            try await endUnknown(subscriptionID, under: token, requestID: requestID)
        }
        guard let owner = try await owner(of: subscription, hint: userID) else {
            return .nobodys
        }
        // In a burst a later fetch has often been applied by now; that spares the other calls.
        guard try await isNewest(token, of: subscriptionID) else { return .mirrored }
        let reading = try await reader.read(subscription)
        let snapshot = reading.snapshot
        // The customer's other subscriptions are none of ours, unless the account has one of them.
        if snapshot.planID == nil, try await linkedSubscription(of: owner) != subscriptionID {
            return .mirrored
        }
        let outcome = try await apply(
            snapshot, of: subscription.items, seats: reading.seats, to: owner, under: token,
            requestID: requestID, wish: reading.coming.wish)
        if outcome == .outOfDate { return .mirrored }
        try await settle(outcome, subscription, snapshot, owner: owner, requestID: requestID)
        try await tidyUp(after: subscription, reading, owner: owner)
        try await tellOfLockedOut(subscription, outcome, owner: owner)
        return .mirrored
    }

    /// - Parameters:
    ///   - items: what the subscription consists of, for the price that mails name.
    ///   - wish: what the plan that is to follow was asked for by.
    func apply(
        _ snapshot: BillingSnapshot, of items: [StripeSubscription.Item], seats: SubscribedSeats?,
        to owner: UUID, under token: Int64, requestID: String?, wish: String? = nil
    ) async throws -> ApplyBilling.Outcome {
        let keepsFree = try await product.keepsFree(owner)
        return try await ledger.perform(
            ApplyBilling(userID: owner, snapshot: snapshot, token: token, keepsFree: keepsFree),
            alongside: { [mails, product, clock] connection, outcome in
                guard case .applied(let account, let events) = outcome else { return }
                let now = clock.now()
                try product.follow(
                    MirroredChange(
                        account: account, seats: seats,
                        paysForPeriod: snapshot.paid(for: account.context.period),
                        requestID: requestID, at: now),
                    connection)
                try mails.enqueue(
                    events, of: account, items: items, seats: seats, wish: wish,
                    requestID: requestID, in: connection, now: now)
            })
    }

    /// Keeps in mind that money of an invoice went back: from the next refresh of its subscription
    /// on it is asked for how much.
    package func noteReturned(_ invoiceID: String, reason: String) async throws {
        let now = clock.now()
        _ = try await database.write { connection in
            try connection.execute(
                """
                INSERT INTO revoked_invoices (invoice_id, reason, revoked_at)
                VALUES (?, ?, ?) ON CONFLICT (invoice_id) DO NOTHING
                """, [.text(invoiceID), .text(reason), .time(now)])
        }
    }

    /// What follows at Stripe from what was decided here.
    private func settle(
        _ outcome: ApplyBilling.Outcome, _ subscription: StripeSubscription,
        _ snapshot: BillingSnapshot, owner: UUID, requestID: String?
    ) async throws {
        switch outcome {
        case .applied(_, let events) where events.contains(.revoked):
            if !subscription.isOver { try await cancel(subscription.id) }
        case .notTheirs where snapshot.isRevoked:
            if !subscription.isOver { try await cancel(subscription.id) }
        case .otherSubscription(let current):
            try await settleTwo(
                subscription, current: current, owner: owner, requestID: requestID)
        default: break
        }
    }

    /// Forgets a customer who was deleted at Stripe, once what they subscribed to has ended here
    /// too: their deletion ended it there.
    package func forget(_ customerID: String, requestID: String?) async throws {
        let tables = product.tables
        let owner = try await database.read {
            try LinkedSubscription.holder(ofCustomer: customerID, of: tables, in: $0)
        }
        guard let owner else { return }
        if let subscriptionID = try await linkedSubscription(of: owner) {
            try await refresh(subscriptionID, userID: owner, requestID: requestID)
        }
        let outcome = try await ledger.perform(
            UnlinkCustomer(userID: owner, customerID: customerID),
            alongside: { [product] connection, outcome in
                guard outcome == .unlinked else { return }
                // A checkout page that is still open belongs to the deleted customer.
                try Checkouts.closePage(of: owner, product.checkouts, in: connection)
            })
        if case .stillSubscribed(let live) = outcome {
            throw LiveSubscription(description: "\(customerID) is deleted, but \(live) is live")
        }
    }

    private struct LiveSubscription: Error, CustomStringConvertible {
        let description: String
    }

    /// A checkout page was used or has lapsed.
    package func closePage(_ sessionID: String) async throws {
        try await Checkouts(database: database, of: product).close(sessionID)
    }

    func cancel(_ subscriptionID: String) async throws {
        _ = try await ifKnown { () async throws(StripeError) in
            try await stripe.cancelSubscription(subscriptionID)
        }
    }

    private func isNewest(_ token: Int64, of subscriptionID: String) async throws -> Bool {
        try await database.read { connection in
            try !CareerLedger.isOutOfDate(token, of: subscriptionID, in: connection)
        }
    }

    // MARK: Whose it is

    private func owner(
        of subscription: StripeSubscription, hint: UUID?
    ) async throws -> UUID? {
        let customerID = subscription.customerID
        let named = subscription.metadata[product.holderKey].flatMap { UUID(uuidString: $0) }
        let claimed = hint ?? named
        if let found = try await owner(ofCustomer: customerID, claimed: claimed) { return found }
        guard let claimed, try await open(claimed) else { return nil }
        return try await owner(ofCustomer: customerID, claimed: claimed)
    }

    private func owner(ofCustomer customerID: String, claimed: UUID?) async throws -> UUID? {
        let tables = product.tables
        return try await database.read { connection in
            if let linked = try LinkedSubscription.holder(
                ofCustomer: customerID, of: tables, in: connection)
            {
                return linked
            }
            // What another customer subscribes to is not theirs, whatever its metadata says.
            guard let claimed,
                try LinkedSubscription.mayBecome(
                    claimed, ofCustomer: customerID, of: tables, in: connection)
            else { return nil }
            return claimed
        }
    }

    /// Whose subscription it is, where it is one of ours.
    func userOfOurs(_ subscription: StripeSubscription) async throws -> UUID? {
        guard let owner = try await owner(of: subscription, hint: nil) else { return nil }
        if try await linkedSubscription(of: owner) == subscription.id { return owner }
        return try await reader.planItems(of: subscription).isEmpty ? nil : owner
    }

    func linkedSubscription(of userID: UUID) async throws -> String? {
        let tables = product.tables
        return try await database.read { connection in
            try LinkedSubscription.stripeID(of: userID, of: tables, in: connection)
        }
    }

    /// Whether a holder of this product has the subscription.
    package func isLinked(_ subscriptionID: String) async throws -> Bool {
        let tables = product.tables
        return try await database.read { connection in
            try LinkedSubscription.find(
                stripeID: subscriptionID, of: tables, in: connection) != nil
        }
    }
}
