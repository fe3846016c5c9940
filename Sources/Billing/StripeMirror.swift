import Database
import Foundation
import Ledger
import LedgerStore
import Logging
import Messaging
import Stripe
import Values

/// Keeps accounts in line with Stripe. It always fetches the *current* subscription and writes it
/// under a fencing token taken before the fetch, so the order of events, duplicates and parallel
/// workers cannot matter.
public struct StripeMirror: Sendable {
    let stripe: StripeClient
    let database: any Database
    package let ledger: CareerLedger
    /// What Stripe says, in the domain's words.
    package let reader: BillingSnapshotReader
    package let notices: OperatorNotices
    private let mails: BillingMails
    package let clock: DecisionClock
    package let logger: Logger

    package init(
        stripe: StripeClient, database: any Database, ledger: CareerLedger, prices: StripePrices,
        notices: OperatorNotices, mails: BillingMails, clock: DecisionClock, logger: Logger
    ) {
        self.stripe = stripe
        self.database = database
        self.ledger = ledger
        self.reader = BillingSnapshotReader(
            stripe: stripe, database: database, prices: prices)
        self.notices = notices
        self.mails = mails
        self.clock = clock
        self.logger = logger
    }

    /// Fetches the subscription and applies it.
    ///
    /// - Parameters:
    ///   - userID: whose it is, where the caller knows; else its metadata and customer tell.
    ///   - requestID: of the request, or of the event's, that asks for it; `nil` for a command.
    /// - Returns: false where Stripe does not know the subscription; an account that had it is on
    ///   Free then.
    /// - Throws: ``StripeError`` where Stripe cannot be asked, what the ledger throws.
    @discardableResult
    public func refresh(
        _ subscriptionID: String, userID: UUID? = nil, requestID: String?
    ) async throws -> Bool {
        let token = try await ledger.takeToken(of: subscriptionID)
        let subscription: StripeSubscription
        do {
            subscription = try await stripe.retrieveSubscription(subscriptionID)
        } catch {
            guard case .notFound = error.kind else { throw error }
            try await endUnknown(subscriptionID, under: token, requestID: requestID)
            return false
        }
        if try await isLinkedToAnother(subscription) {
            try await endUnknown(subscriptionID, under: token, requestID: requestID)
        }
        guard let owner = try await owner(of: subscription, hint: userID) else {
            logger.info("a subscription of no user of ours", metadata: ["id": "\(subscription.id)"])
            return true
        }
        // In a burst a later fetch has often been applied by now; that spares the other calls.
        guard try await isNewest(token, of: subscriptionID) else { return true }
        let reading = try await reader.read(subscription)
        let snapshot = reading.snapshot
        // The customer's other subscriptions are none of ours, unless the account has one of them.
        if snapshot.planID == nil, try await linkedSubscription(of: owner) != subscriptionID {
            return true
        }
        let outcome = try await apply(
            snapshot, of: subscription.items, to: owner, under: token, requestID: requestID,
            wish: reading.coming.wish)
        if outcome == .outOfDate { return true }
        try await settle(outcome, subscription, snapshot, owner: owner, requestID: requestID)
        try await tidyUp(after: subscription, reading, owner: owner)
        try await tellOfLockedOut(subscription, outcome, owner: owner)
        return true
    }

    /// - Parameters:
    ///   - items: what the subscription consists of, for the price that mails name.
    ///   - wish: what the plan that is to follow was asked for by.
    func apply(
        _ snapshot: BillingSnapshot, of items: [StripeSubscription.Item], to owner: UUID,
        under token: Int64, requestID: String?, wish: String? = nil
    ) async throws -> ApplyBilling.Outcome {
        try await ledger.perform(
            ApplyBilling(userID: owner, snapshot: snapshot, token: token),
            alongside: { [mails, clock] connection, outcome in
                guard case .applied(let account, let events) = outcome else { return }
                try mails.enqueue(
                    events, of: account, items: items, wish: wish, requestID: requestID,
                    in: connection, now: clock.now())
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
        let owner = try await database.read { try Self.user(ofCustomer: customerID, in: $0) }
        guard let owner else { return }
        if let subscriptionID = try await linkedSubscription(of: owner) {
            try await refresh(subscriptionID, userID: owner, requestID: requestID)
        }
        let outcome = try await ledger.perform(
            UnlinkCustomer(userID: owner, customerID: customerID),
            alongside: { connection, outcome in
                guard outcome == .unlinked else { return }
                // A checkout page that is still open belongs to the deleted customer.
                try connection.execute(
                    "UPDATE checkouts SET session_id = NULL, url = NULL WHERE user_id = ?",
                    [.uuid(owner)])
            })
        if case .stillSubscribed(let live) = outcome {
            throw LiveSubscription(description: "\(customerID) is deleted, but \(live) is live")
        }
    }

    private struct LiveSubscription: Error, CustomStringConvertible {
        let description: String
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
        let claimed = hint ?? subscription.metadata["user_id"].flatMap { UUID(uuidString: $0) }
        return try await database.read { connection in
            if let linked = try Self.user(ofCustomer: customerID, in: connection) { return linked }
            guard let claimed else { return nil }
            // One customer a user, ever: what another one subscribes to is not theirs, whatever its
            // metadata says.
            let row = try connection.queryOne(
                """
                SELECT user_id FROM subscriptions
                WHERE user_id = ? AND (stripe_customer_id IS NULL OR stripe_customer_id = ?)
                """, [.uuid(claimed), .text(customerID)])
            return row == nil ? nil : claimed
        }
    }

    private static func user(
        ofCustomer customerID: String, in connection: any DatabaseConnection
    ) throws -> UUID? {
        let row = try connection.queryOne(
            "SELECT user_id FROM subscriptions WHERE stripe_customer_id = ?", [.text(customerID)])
        guard var reader = row?.reader else { return nil }
        return try reader.uuid()
    }

    /// Whose subscription it is, where it is one of ours.
    func userOfOurs(_ subscription: StripeSubscription) async throws -> UUID? {
        guard let owner = try await owner(of: subscription, hint: nil) else { return nil }
        if try await linkedSubscription(of: owner) == subscription.id { return owner }
        return try await reader.planItems(of: subscription).isEmpty ? nil : owner
    }

    func linkedSubscription(of userID: UUID) async throws -> String? {
        try await database.read { connection in
            let row = try connection.queryOne(
                "SELECT stripe_subscription_id FROM subscriptions WHERE user_id = ?",
                [.uuid(userID)])
            guard var reader = row?.reader else { return nil }
            return try reader.optionalText()
        }
    }
}
